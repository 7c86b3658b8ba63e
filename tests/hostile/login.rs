//! Rows 1 to 17: TLS, STARTTLS, login, secrets.

use std::time::Duration;

use base64::Engine as _;

use super::home::{Home, SECRET, each};
use super::model::{MODERN, World};
use super::peer::{Call, Peer, Security, Step, send};

const LOCAL: &[&str] = &["localhost", "127.0.0.1"];

fn starttls_caps() -> String {
    format!("{MODERN} STARTTLS")
}

/// Whether the secret, in any spelling, or any command of a login came.
fn leaked(peer: &Peer) -> bool {
    let spelled = base64::engine::general_purpose::STANDARD.encode(format!("\0me\0{SECRET}"));
    let said = |text: &str| text.contains(SECRET) || text.contains(&spelled);
    let asked = |call: &Call| matches!(call.name.as_str(), "LOGIN" | "AUTHENTICATE" | "ANSWER") || said(&call.args);
    said(&peer.clear_text()) || peer.calls().iter().any(asked)
}

/// A STARTTLS server with a hook must be refused without a secret; and the same server without it is fine.
#[track_caller]
fn refused(hook: impl Fn(&Call, &mut dyn FnMut() -> Vec<Step>) -> Option<Vec<Step>> + Send + Sync + 'static, code: i32, words: &[&str]) {
    let peer = Peer::with(World::inbox(2).caps(&starttls_caps()), Security::StartTls, LOCAL);
    let home = Home::new(&peer);
    peer.hook(hook);
    home.fetch().is(code, words);
    assert!(!leaked(&peer), "{:#?}\n{}", peer.calls(), peer.clear_text());
    assert!(!home.root.exists(), "a refused login has written something");
    home.converges(&peer);
    assert!(peer.calls().iter().all(|c| c.secure || matches!(c.name.as_str(), "CAPABILITY" | "STARTTLS")));
}

#[test]
fn row_1_an_unknown_issuer_is_refused_before_any_secret() {
    let peer = Peer::with(World::inbox(1), Security::Tls, LOCAL);
    let home = Home::with(&peer, "tls = { roots = \"webpki\" }", "localhost");
    home.fetch().is(77, &["error: tls-verify", "sha256:"]);
    assert!(peer.calls().is_empty() && peer.clear_text().is_empty() && !home.root.exists());
}

#[test]
fn row_2_a_certificate_of_another_host_is_refused() {
    for names in [&["other.example"][..], &["*.localhost.example", "localhost.example"], &["*.0.0.1"]] {
        let peer = Peer::with(World::inbox(1), Security::Tls, names);
        let home = Home::with(&peer, "", "localhost");
        home.fetch().is(77, &["error: tls-verify", "another host"]);
        assert!(peer.calls().is_empty() && !home.root.exists());
    }
}

#[test]
fn row_3_stripped_starttls_is_refused() {
    refused(
        |call, _| (call.name == "CAPABILITY" && !call.secure).then(|| vec![send(format!("* CAPABILITY {MODERN}\r\n{} OK\r\n", call.tag))]),
        77,
        &["error: tls-required", "no password was sent"],
    );
}

#[test]
fn row_4_refused_starttls_is_refused() {
    for word in ["NO", "BAD"] {
        refused(
            move |call, _| (call.name == "STARTTLS").then(|| vec![send(format!("{} {word} [ALERT] not today\r\n", call.tag))]),
            77,
            &["error: tls-required", "not today"],
        );
    }
}

#[test]
fn row_5_responses_injected_before_the_handshake_end_the_session() {
    for tail in ["* CAPABILITY IMAP4rev1 AUTH=PLAIN EVIL\r\n", "* PREAU", "a2 OK in\r\n", " "] {
        refused(
            move |call, _| (call.name == "STARTTLS").then(|| vec![send(format!("{} OK go\r\n{tail}", call.tag)), Step::StartTls]),
            77,
            &["error: tls-required"],
        );
    }
}

#[test]
fn row_5_capabilities_of_before_the_handshake_are_forgotten() {
    // In clear it offers SCRAM, a bait; inside TLS only PLAIN counts.
    let peer = Peer::with(World::inbox(1).caps(&starttls_caps()), Security::StartTls, LOCAL);
    let bait = "IMAP4rev1 STARTTLS SASL-IR AUTH=SCRAM-SHA-256 AUTH=XOAUTH2";
    peer.hook(move |call, _| {
        (call.name == "CAPABILITY" && !call.secure).then(|| vec![send(format!("* CAPABILITY {bait}\r\n{} OK\r\n", call.tag))])
    });
    Home::new(&peer).fetch().is(0, &[]);
    assert!(peer.calls().iter().any(|c| c.secure && c.name == "AUTHENTICATE" && c.args.starts_with("PLAIN")));
}

#[test]
fn row_6_preauth_before_starttls_is_refused() {
    refused(|call, _| (call.name == "GREETING").then(|| vec![send("* PREAUTH welcome\r\n")]), 77, &["error: tls-required"]);
}

#[test]
fn row_7_what_is_no_greeting_ends_it() {
    for (greeting, code, class) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", 76, "error: protocol"),
        ("\x1b]0;evil\x07 hello\r\n", 76, "error: protocol"),
        ("* 1 FETCH (BODY[] {5}\r\nhello)\r\n", 76, "error: protocol"),
        ("a1 OK ready\r\n", 76, "error: protocol"),
        ("* BYE [ALERT] full \x1b[2J\r\n", 75, "error: temporary"),
    ] {
        refused(move |call, _| (call.name == "GREETING" && !call.secure).then(|| vec![send(greeting), Step::CloseNotify]), code, &[class]);
    }
}

#[test]
fn row_8_no_fall_back_to_another_mechanism() {
    let peer = Peer::with(World::inbox(1), Security::Tls, LOCAL);
    let home = Home::with(&peer, "sasl = \"scram-sha-256\"", "localhost");
    home.fetch().is(77, &["error: auth", "SCRAM-SHA-256"]);
    assert!(!leaked(&peer));
}

#[test]
fn row_8_scram_with_one_iteration_or_a_wrong_signature_is_refused() {
    let b64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for iterations in [1, 4096, 2_000_000_000] {
        let peer = Peer::with(World::inbox(1).caps("IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN"), Security::Tls, LOCAL);
        let home = Home::with(&peer, "", "localhost");
        // The nonce must begin with the client's, which a script does not know: an honest prefix is beyond it, so the second round
        // lies in any case; the login must end there, in one attempt, without another mechanism.
        let first = b64(&format!("r=x,s=c2FsdHNhbHRzYWx0,i={iterations}"));
        peer.hook(move |call, _| {
            let steps = vec![
                send("+ \r\n"),
                Step::Read,
                send(format!("+ {first}\r\n")),
                Step::Read,
                send(format!("{} BAD cancelled\r\n", call.tag)),
            ];
            (call.name == "AUTHENTICATE").then_some(steps)
        });
        let run = home.fetch();
        assert!(matches!(run.code, 76 | 77), "{run:#?}");
        run.is(run.code, &[]);
        let answers: Vec<String> = peer.calls().into_iter().filter(|c| c.name == "ANSWER").map(|c| c.args).collect();
        assert_eq!(answers.last().map(String::as_str), Some("*"), "{answers:?}");
        assert_eq!(peer.count("AUTHENTICATE"), 1);
    }
}

#[test]
fn row_9_no_login_in_clear_where_it_is_forbidden() {
    refused(
        |call, _| {
            let caps = "IMAP4rev1 LOGINDISABLED AUTH=PLAIN";
            (call.name == "CAPABILITY" && !call.secure).then(|| vec![send(format!("* CAPABILITY {caps}\r\n{} OK\r\n", call.tag))])
        },
        77,
        &["error: tls-required"],
    );
    // In clear by the user's own wish, LOGINDISABLED is still a no.
    let peer = Peer::start(World::inbox(1).caps("IMAP4rev1 STARTTLS LOGINDISABLED"));
    Home::new(&peer).fetch().is(77, &["error: tls-required"]);
    assert!(!leaked(&peer));
}

#[test]
fn row_11_referrals_are_not_followed() {
    let peer = Peer::start(World::inbox(1));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        (call.name == "AUTHENTICATE").then(|| vec![send(format!("{} NO [REFERRAL imap://evil.example/] moved\r\n", call.tag))])
    });
    home.fetch().is(75, &["error: temporary"]);
    assert_eq!((peer.connections(), peer.count("AUTHENTICATE")), (1, 1));
    peer.forget();
    peer.hook(|call, _| {
        (call.name == "GREETING").then(|| vec![send("* BYE [REFERRAL imap://evil.example/] moved\r\n"), Step::CloseNotify])
    });
    home.fetch().is(75, &["error: temporary"]);
    home.converges(&peer);
}

#[test]
fn row_12_a_refused_login_is_tried_once() {
    each(["NO [AUTHENTICATIONFAILED] wrong", "NO wrong \u{1b}[31m", "BAD what"], |text| {
        let peer = Peer::start(World::inbox(1));
        let home = Home::new(&peer);
        peer.hook(move |call, _| (call.name == "AUTHENTICATE").then(|| vec![send(format!("{} {text}\r\n", call.tag))]));
        home.fetch().is(77, &["error: auth"]);
        assert_eq!((peer.connections(), peer.count("AUTHENTICATE")), (1, 1));
        assert!(!home.root.exists());
        home.converges(&peer);
    });
}

#[test]
fn row_12_one_account_does_not_stop_the_other() {
    let (good, bad) = (Peer::start(World::inbox(3)), Peer::start(World::inbox(1)));
    bad.hook(|call, _| (call.name == "AUTHENTICATE").then(|| vec![send(format!("{} NO wrong\r\n", call.tag))]));
    let second = format!(
        "[accounts.b]\nreceive = \"imap://you@127.0.0.1:{}\"\nmaildir = \"/nonexistent/b\"\npassword = {{ env = \"SCRIPTED_SECRET\" }}\ntls = {{ mode = \"none\" }}",
        bad.address.port()
    );
    let home = Home::with(&good, &second, "127.0.0.1");
    home.fetch().is(1, &["b: error: auth"]);
    home.has_all_of(&good.world());
}

#[test]
fn row_13_a_login_that_never_ends_is_given_up() {
    let peer = Peer::start(World::inbox(1));
    let home = Home::new(&peer);
    peer.hook(|call, _| {
        let rounds = (0..50).flat_map(|_| [send("+ \r\n"), Step::Read]);
        (call.name == "AUTHENTICATE").then(|| rounds.collect())
    });
    home.fetch().is(76, &["error: protocol"]);
    assert!(peer.count("ANSWER") < 10);
    peer.hook(|call, _| {
        (call.name == "AUTHENTICATE").then(|| vec![send("+ "), Step::Repeat(vec![b'A'; 64 << 10], 160), send("\r\n"), Step::Silence])
    });
    home.fetch().is(76, &["error: protocol"]);
    home.converges(&peer);
}

#[test]
fn row_14_a_cut_connection_never_looks_like_a_whole_message() {
    each([Step::Cut, Step::CloseNotify], |end| {
        let peer = Peer::with(World::inbox(3), Security::Tls, LOCAL);
        let home = Home::with(&peer, "", "localhost");
        peer.hook(move |call, honest| {
            let Step::Send(mut all) = honest().remove(0) else { unreachable!() };
            all.truncate(all.len() / 2);
            call.wants_bodies().then(|| vec![Step::Send(all), end.clone()])
        });
        let run = home.fetch();
        assert!(matches!(run.code, 1 | 75), "{run:#?}");
        run.is(run.code, &["the connection"]);
        assert!(home.files().len() < 3);
        home.converges(&peer);
    });
}

#[test]
fn row_16_silence_after_starttls_has_its_own_timer() {
    let peer = Peer::with(World::inbox(1).caps(&starttls_caps()), Security::StartTls, LOCAL);
    let home = Home::new(&peer);
    peer.hook(|call, _| (call.name == "STARTTLS").then(|| vec![send(format!("{} OK go\r\n", call.tag)), Step::Silence]));
    let run = home.fetch();
    run.is(75, &["error: temporary"]);
    // Four tries of a second each, and the pauses between them.
    assert!(run.took < Duration::from_secs(12) && !leaked(&peer), "{run:?}");
    peer.hook(|call, _| (call.name == "GREETING").then(|| vec![Step::Silence]));
    let run = home.fetch();
    run.is(75, &["error: temporary"]);
    assert!(run.took < Duration::from_secs(12), "{run:?}");
    home.converges(&peer);
}

#[test]
fn a_line_that_is_lost_before_the_login_is_tried_again_three_times() {
    // Where it is lost, on how many connections, and what comes of it.
    each(
        [("GREETING", 1, 0), ("CAPABILITY", 2, 0), ("STARTTLS", 3, 0), ("GREETING", 4, 75), ("STARTTLS", 4, 75), ("LIST", 1, 0)],
        |(name, times, code)| {
            let peer = Peer::with(World::inbox(2).caps(&starttls_caps()), Security::StartTls, LOCAL);
            let home = Home::new(&peer);
            // Without a Maildir, and with one: the first session is opened in another place.
            for run in 0..2 {
                peer.forget();
                peer.hook(move |call, _| (call.name == name && call.conn <= times).then(|| vec![Step::Cut]));
                let words: &[&str] = if code == 0 { &[] } else { &["error: temporary", "connecting again failed, too"] };
                home.fetch().is(code, words);
                assert_eq!(peer.connections(), if code == 0 { times + 1 } else { 4 }, "{name} {times} {run}");
                assert!(peer.count("AUTHENTICATE") <= if name == "LIST" { 2 } else { 1 }, "{name} {times} {run}");
                if code != 0 {
                    std::fs::create_dir_all(&home.root).unwrap();
                    std::fs::set_permissions(&home.root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
                }
            }
            home.converges(&peer);
        },
    );
}

#[test]
fn a_login_that_gets_no_answer_is_not_repeated() {
    let peer = Peer::start(World::inbox(2));
    let home = Home::new(&peer);
    peer.hook(|call, _| (call.name == "AUTHENTICATE").then(|| vec![Step::Cut]));
    home.fetch().is(75, &["error: temporary"]);
    assert_eq!((peer.connections(), peer.count("AUTHENTICATE")), (1, 1));
    assert!(!home.root.exists());
    home.converges(&peer);
}

#[test]
fn a_login_that_is_refused_after_a_lost_line_is_told_as_such() {
    let peer = Peer::start(World::inbox(2));
    let home = Home::new(&peer);
    peer.hook(|call, _| match (call.name.as_str(), call.conn) {
        ("GREETING", 1) => Some(vec![Step::Cut]),
        ("AUTHENTICATE", _) => Some(vec![send(format!("{} NO [AUTHENTICATIONFAILED] wrong\r\n", call.tag))]),
        _ => None,
    });
    home.fetch().is(77, &["error: auth"]);
    assert_eq!((peer.connections(), peer.count("AUTHENTICATE")), (2, 1));
}

#[test]
fn row_17_no_trace_shows_the_secret() {
    let spelled = base64::engine::general_purpose::STANDARD.encode(format!("\0me\0{SECRET}"));
    each([MODERN, "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1", "IMAP4rev1 AUTH=LOGIN"], |caps| {
        for refuse in [false, true] {
            let peer = Peer::with(World::inbox(1).caps(caps), Security::Tls, LOCAL);
            let home = Home::with(&peer, "", "localhost");
            peer.hook(move |call, _| {
                let login = matches!(call.name.as_str(), "LOGIN" | "AUTHENTICATE");
                // A spiteful server gives back what it got.
                let echoed = format!("{} NO refused: {} {SECRET}\r\n", call.tag, call.args);
                let two = || {
                    vec![
                        send("+ VXNlcm5hbWU6\r\n"),
                        Step::Read,
                        send("+ UGFzc3dvcmQ6\r\n"),
                        Step::Read,
                        send(format!("{} OK in\r\n", call.tag)),
                    ]
                };
                match login {
                    true if refuse => Some(vec![send(echoed.replace(SECRET, "…"))]),
                    true if call.args == "LOGIN" => Some(two()),
                    _ => None,
                }
            });
            let run = home.run(&["fetch", "-vvv", "--timeout", "1"]);
            let all = format!("{}{}", run.out, run.err);
            assert!(all.contains("me"), "{run:#?}");
            assert!(refuse || run.code == 0, "{run:#?}");
            let encoded = base64::engine::general_purpose::STANDARD.encode(SECRET);
            for secret in [SECRET, &spelled, &encoded] {
                assert!(!all.contains(secret), "{run:#?}");
            }
            let files = std::process::Command::new("grep").args(["-rlE", SECRET]).arg(home.dir.path()).output().unwrap();
            assert!(files.stdout.is_empty(), "{files:?}");
        }
    });
}
