//! Who we are to the server: the device that it knows, the token that lets us in, and the version that is spoken.

use mailx::wire::wbxml::page::{FolderHierarchy as F, Settings as S};

use crate::exchange::{Reply, status};
use crate::home::Home;
use crate::mailbox::{INBOX, letter};

#[test]
fn a_server_before_14_1_is_told_once_what_this_device_is() {
    for (versions, told) in [("12.1", 1), ("14.0", 1), ("14.1", 0), ("16.1", 0)] {
        let home = Home::new(1);
        home.peer.there().versions = versions.into();
        home.fetch(0);
        home.fetch(0);
        let seen = home.peer.seen();
        let settings: Vec<_> = seen.iter().filter(|s| s.command == "Settings").collect();
        assert_eq!(settings.len(), told, "{versions}: {settings:#?}");
        let provision = seen.iter().find(|s| s.command == "Provision").unwrap();
        // In Provision from 14.1 on, and not before.
        assert_eq!(provision.node().find(S::Model).is_some(), told == 0, "{versions}");
        let place = |command: &str| seen.iter().position(|s| s.command == command).unwrap();
        if let Some(first) = settings.first() {
            assert_eq!((first.node().text(S::Model), first.node().text(S::UserAgent).starts_with("mailx/")), ("mailx", true));
            assert!(place("Settings") < place("FolderSync"));
        }
    }
}

#[test]
fn a_server_that_does_not_want_to_know_it_is_not_asked_again() {
    for reply in [Reply::status(501), status(S::Settings, S::Status, 2), Reply::status(200)] {
        let home = Home::new(1);
        home.peer.there().versions = "14.0".into();
        home.peer.hook(move |seen, _| (seen.command == "Settings").then(|| reply.clone()));
        home.fetch(0);
        home.fetch(0);
        home.assert_same();
        assert_eq!(home.peer.commands().iter().filter(|c| *c == "Settings").count(), 1);
    }
}

/// An account whose tokens come one after another: `one`, `two`, then always `two`.
fn by_token() -> Home {
    let home = Home::new(2);
    let (last, file) = (home.beside("last"), home.beside("tokens"));
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let command = format!(
        "n=$(cat {0} 2>/dev/null || echo 0); n=$((n+1)); [ $n -gt 2 ] && n=2; echo $n > {0}; sed -n ${{n}}p {1}",
        last.display(),
        file.display()
    );
    home.configure(&format!("auth = \"oauth2\"\npassword = {{ command = '{command}' }}"));
    home
}

#[test]
fn a_token_that_died_is_renewed_once_within_a_run() {
    // Refused at the first contact, and in the middle.
    for from in [0, 4] {
        let home = by_token();
        home.peer.hook(move |seen, _| {
            let died = seen.header("authorization") == "Bearer one" && seen.number >= from;
            died.then(|| Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\""))
        });
        home.fetch(0);
        home.assert_same();
        let seen = home.peer.seen();
        assert!(seen.iter().all(|s| s.header("authorization").starts_with("Bearer ")), "never by another way: {seen:#?}");
        assert_eq!(seen.iter().filter(|s| s.header("authorization") == "Bearer one").count(), from + 1);
    }
}

#[test]
fn a_token_that_is_refused_again_ends_the_run() {
    let home = by_token();
    home.peer.hook(|_, _| Some(Reply::status(401)));
    home.fetch(77).says("access token was refused");
    let seen = home.peer.seen();
    let tokens: Vec<&str> = seen.iter().map(|s| s.header("authorization")).collect();
    assert_eq!(tokens, ["Bearer one", "Bearer two"]);
    // Its source has no other one: asked once.
    home.fetch(77);
    assert_eq!(home.peer.seen().len(), 1);
}

#[test]
fn who_may_not_come_in_is_77() {
    for code in [124, 125, 126, 129, 130, 131, 177] {
        let home = Home::new(1);
        home.fetch(0);
        home.peer.hook(move |seen, _| (seen.command == "FolderSync").then(|| status(F::FolderSync, F::Status, code)));
        let out = home.fetch(77);
        out.says("mailx").says(&format!("status {code}"));
    }
}

#[test]
fn a_server_that_does_not_say_its_versions_keeps_the_known_one() {
    let home = Home::new(1);
    home.peer.hook(|seen, _| (seen.command == "OPTIONS").then(|| Reply::status(200)));
    home.fetch(76).says("does not say that it speaks ActiveSync");
    home.peer.there().versions = "14.1".into();
    home.peer.honest();
    home.fetch(0);
    home.peer.there().deliver(INBOX, &letter(9));
    home.peer.seen();
    // It wants another version, once, and then does not say which.
    home.peer.hook(|seen, _| match seen.command.as_str() {
        "OPTIONS" => Some(Reply::status(200)),
        "FolderSync" if seen.before == 0 => Some(status(F::FolderSync, F::Status, 138)),
        _ => None,
    });
    assert_eq!(home.fetch(0).sum("downloaded"), 1);
    let seen = home.peer.seen();
    assert!(seen.iter().any(|s| s.command == "OPTIONS"));
    assert!(seen.iter().filter(|s| s.command == "Sync").all(|s| s.header("ms-asprotocolversion") == "14.1"));
    home.assert_same();
}

#[test]
fn a_mailbox_that_moved_to_a_newer_server_is_spoken_to_anew() {
    let home = Home::new(3);
    home.peer.there().versions = "14.1".into();
    home.sync(0);
    home.peer.there().versions = "14.1,16.1".into();
    home.peer.there().reset(INBOX);
    home.peer.seen();
    // X-MS-RP: forget everything; it comes with the versions of the new server.
    home.peer.hook(|seen, there| (seen.command == "Sync" && seen.before == 0).then(|| there.answer(seen).with("X-MS-RP", "14.1,16.1")));
    home.sync(0);
    home.peer.honest();
    home.sync(0);
    home.assert_same();
    let last = home.peer.seen().pop().unwrap();
    assert_eq!(last.header("ms-asprotocolversion"), "16.1");
    assert_eq!(home.mail().len(), 3, "nothing is doubled");
}

#[test]
fn a_pause_that_is_out_of_all_proportion_ends_the_run() {
    for wait in ["999999999", "99999999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        for code in [503, 429] {
            let home = Home::new(1);
            home.peer.hook(move |_, _| Some(Reply::status(code).with("Retry-After", wait).with("X-MS-ASThrottle", "CommandFrequency")));
            home.fetch(75).says("CommandFrequency");
            assert_eq!(home.peer.commands().len(), 1);
        }
    }
    // A date that has passed, and nonsense: a moment, and again.
    for wait in ["Sat, 01 Jan 2000 00:00:00 GMT", "-5", "soon"] {
        let home = Home::new(1);
        home.peer
            .hook(move |seen, _| (seen.command == "FolderSync" && seen.before == 0).then(|| Reply::status(503).with("Retry-After", wait)));
        home.fetch(0);
        home.assert_same();
    }
}

#[test]
fn a_server_that_wants_its_policy_known_for_ever_is_asked_twice_at_most() {
    let home = Home::new(1);
    home.fetch(0);
    home.peer.seen();
    home.peer.hook(|seen, _| (seen.command != "Provision" && seen.command != "OPTIONS").then(|| Reply::status(449)));
    let out = home.fetch(69);
    out.says("policy");
    assert!(home.peer.commands().iter().filter(|c| *c == "Provision").count() <= 2);
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
}

#[test]
fn a_server_that_takes_only_the_base64_query_gets_no_other() {
    for versions in ["12.1", "16.1"] {
        let home = Home::new(3);
        home.peer.there().versions = versions.into();
        home.peer.hook(|seen, _| (seen.command != "OPTIONS" && !seen.packed).then(|| Reply::status(400)));
        home.fetch(0);
        home.assert_same();
        let seen = home.peer.seen();
        assert_eq!(seen.iter().filter(|s| s.command != "OPTIONS" && !s.packed).count(), 1, "{seen:#?}");
        assert!(seen.iter().filter(|s| s.packed).all(|s| s.header("ms-asprotocolversion") == versions), "{seen:#?}");
        // It is remembered.
        home.peer.there().deliver(INBOX, &letter(9));
        home.fetch(0);
        home.assert_same();
        assert!(home.peer.seen().iter().all(|s| s.command == "OPTIONS" || s.packed));
    }
}

#[test]
fn a_server_that_takes_neither_query_is_told_of_and_asked_afresh() {
    let home = Home::new(3);
    home.peer.hook(|seen, _| (seen.command != "OPTIONS").then(|| Reply::status(400)));
    home.fetch(76);
    let seen = home.peer.seen();
    let spelled: Vec<bool> = seen.iter().filter(|s| s.command != "OPTIONS").map(|s| s.packed).collect();
    assert_eq!(spelled, [false, true, false], "tried once: {seen:#?}");
    home.peer.honest();
    home.fetch(0);
    home.assert_same();
    assert!(home.peer.seen().iter().all(|s| !s.packed), "nor kept");
    // Later on a 400 is about what was said.
    home.peer.hook(|seen, _| (seen.command == "FolderSync").then(|| Reply::status(400)));
    home.fetch(76);
    assert!(home.peer.seen().iter().all(|s| !s.packed));
}
