//! Ways: direct, proxies, tunnel.

use rustix::process::{Pid, test_kill_process};
use secrecy::ExposeSecret as _;

use super::*;

async fn by(route: Route, host: &str, port: u16) -> Result<Stream> {
    reach(&Endpoint { route, ..endpoint(host, port, Security::Clear) }, TlsSettings::default()).await
}

#[allow(clippy::unnecessary_wraps)] // as the routes want it
fn login(user: &str, password: &str) -> Option<Login> {
    Some(Login { user: user.into(), password: password.to_string().into() })
}

#[tokio::test]
async fn a_refused_port_and_an_unknown_name_are_unavailable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = by(Route::Direct, "127.0.0.1", port).await.unwrap_err();
    certainly(&error, Class::Unavailable, &["refused", &format!("port {port}"), "connect to 127.0.0.1"]);
    let error = by(Route::Direct, "no-such-host.invalid", 993).await.unwrap_err();
    certainly(&error, Class::Unavailable, &["cannot look up no-such-host.invalid", "spelling"]);
}

#[tokio::test]
async fn a_clear_connection_carries_octets() {
    let port = listen(|mut socket| async move { echo(&mut socket).await }).await;
    let mut stream = by(Route::Direct, "[127.0.0.1]", port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(take(&mut stream, 4).await, "ping");
    assert!(stream.tls_info().is_none());
}

/// A SOCKS5 proxy that is the server itself: says `* OK` right behind its answer. Refuses other logins than `me`/`pw`.
async fn socks(reply: u8, wants_login: bool) -> u16 {
    listen(move |mut io| async move {
        let mut head = [0; 2];
        io.read_exact(&mut head).await.unwrap();
        let mut methods = vec![0; usize::from(head[1])];
        io.read_exact(&mut methods).await.unwrap();
        let method = if wants_login { 2 } else { 0 };
        if !methods.contains(&method) {
            io.write_all(&[5, 0xff]).await.unwrap();
            return;
        }
        io.write_all(&[5, method]).await.unwrap();
        if wants_login {
            let mut answer = [0; 7];
            io.read_exact(&mut answer).await.unwrap();
            let right = answer == *b"\x01\x02me\x02pw";
            io.write_all(&[1, u8::from(!right)]).await.unwrap();
        }
        let mut request = [0; 4 + 1 + 16 + 2];
        if io.read_exact(&mut request).await.is_err() {
            return;
        }
        assert_eq!(request[..21], *b"\x05\x01\x00\x03\x10mail.example.org");
        assert_eq!(request[21..], 993_u16.to_be_bytes());
        let answer = [&[5, reply, 0, 3, 4][..], b"here", &[0, 1], b"* OK"].concat();
        io.write_all(&answer).await.unwrap();
        echo(&mut io).await;
    })
    .await
}

#[tokio::test]
async fn socks5_proxies_are_spoken_to() {
    let to = |port, login| by(Route::Socks5 { host: "127.0.0.1".into(), port, login }, "mail.example.org", 993);
    let open = socks(0, false).await;
    assert_eq!(take(&mut to(open, None).await.unwrap(), 4).await, "* OK");
    assert_eq!(take(&mut to(open, login("me", "pw")).await.unwrap(), 4).await, "* OK");
    let closed = socks(0, true).await;
    assert_eq!(take(&mut to(closed, login("me", "pw")).await.unwrap(), 4).await, "* OK");
    certainly(&to(closed, login("me", "xy")).await.unwrap_err(), Class::Auth, &["refused user or password"]);
    certainly(&to(closed, None).await.unwrap_err(), Class::Auth, &["wants a login"]);
    let error = to(socks(5, false).await, None).await.unwrap_err();
    certainly(&error, Class::Unavailable, &["connection refused", "through the SOCKS5 proxy 127.0.0.1:"]);
    let http = listen(|mut io| async move { io.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap() }).await;
    certainly(&to(http, None).await.unwrap_err(), Class::Unavailable, &["does not speak SOCKS5"]);
}

async fn http_proxy(answer: impl Into<String>) -> u16 {
    let answer = answer.into();
    listen(move |mut io| {
        let answer = answer.clone();
        async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(io.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            assert!(request.starts_with("CONNECT mail.example.org:993 HTTP/1.1\r\nHost: mail.example.org:993\r\n"), "{request}");
            let known = request.contains("Proxy-Authorization: Basic bWU6cHc=\r\n");
            let answer = if answer.contains("407") && known { "HTTP/1.1 200 fine\r\n\r\n* OK" } else { &answer };
            io.write_all(answer.as_bytes()).await.unwrap();
            let _ = io.read_u8().await;
        }
    })
    .await
}

#[tokio::test]
async fn http_proxies_are_spoken_to() {
    let to = |port, login| by(Route::Http { host: "127.0.0.1".into(), port, login }, "mail.example.org", 993);
    let open = http_proxy("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n* OK").await;
    assert_eq!(take(&mut to(open, None).await.unwrap(), 4).await, "* OK");
    let closed = http_proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    assert_eq!(take(&mut to(closed, login("me", "pw")).await.unwrap(), 4).await, "* OK");
    certainly(&to(closed, None).await.unwrap_err(), Class::Auth, &["wants a login"]);
    let error = to(closed, login("me", "geheim")).await.unwrap_err();
    certainly(&error, Class::Auth, &["refused user or password"]);
    assert!(!words(&error).contains("geheim"));
    for (answer, part) in [
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"),
        ("* OK IMAP\r\n\r\n", "does not speak HTTP"),
        ("HTTP/1.1 200 cut", "broke off"),
    ] {
        let port = listen(move |mut io| async move { io.write_all(answer.as_bytes()).await.unwrap() }).await;
        certainly(&to(port, None).await.unwrap_err(), Class::Unavailable, &[part]);
    }
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(10_000));
    certainly(&to(http_proxy(endless).await, None).await.unwrap_err(), Class::Unavailable, &["too long"]);
}

#[tokio::test]
async fn a_silent_proxy_times_out() {
    let port = listen(|io| async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        drop(io);
    })
    .await;
    let route = Route::Http { host: "127.0.0.1".into(), port, login: None };
    let to = Endpoint { route, ..endpoint("mail.example.org", 993, Security::Clear) };
    let limits = Limits { connect: Duration::from_millis(50), ..SHORT };
    let error = dial(&to, &TlsSettings::default().into(), &limits, Arc::default(), &Recorder::default()).await.unwrap_err();
    certainly(&error, Class::Unavailable, &["proxy did not make the connection within 0.05 seconds"]);
}

fn argv(words: &[&str]) -> Route {
    Route::Tunnel(words.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_tunnel_command_is_the_connection_and_no_shell_reads_it() {
    let mut stream = by(argv(&["cat"]), "mail.example.org", 143).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(take(&mut stream, 4).await, "ping");
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "cat ends when its input does");

    let mut stream = by(argv(&["echo", "$HOME `id` ;"]), "mail.example.org", 143).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "$HOME `id` ;\n");

    certainly(&by(argv(&["/no/such/program"]), "x", 1).await.unwrap_err(), Class::Config, &["cannot start /no/such/program"]);
    certainly(&by(argv(&[]), "x", 1).await.unwrap_err(), Class::Config, &["empty"]);
}

#[tokio::test]
async fn a_tunnel_command_that_fails_says_so() {
    let fails = argv(&["sh", "-c", "exit 3"]);
    let to = Endpoint { route: fails.clone(), ..endpoint("mail.example.org", 993, Security::Tls) };
    let error = dial(&to, &TlsSettings::default().into(), &SHORT, Arc::default(), &Recorder::default()).await.unwrap_err();
    certainly(&error, Class::Unavailable, &["the tunnel command sh ended with exit status: 3"]);
    // Where the first octets are the server's, the dial itself is done; what was brought before makes it a connection that was lost.
    for (script, class) in [("exit 3", Class::Unavailable), ("echo '* OK'; exit 3", Class::Temporary)] {
        let mut stream = by(argv(&["sh", "-c", script]), "mail.example.org", 143).await.unwrap();
        let failed = stream.read_to_string(&mut String::new()).await.unwrap_err();
        certainly(&lost("read", failed), class, &["the tunnel command sh ended with exit status: 3"]);
    }
}

#[tokio::test]
async fn a_dropped_tunnel_leaves_no_process_behind() {
    let mut stream = by(argv(&["sh", "-c", "sleep 1000 & echo $!; wait"]), "x", 1).await.unwrap();
    let mut pid = String::new();
    loop {
        match stream.read_u8().await.unwrap() {
            b'\n' => break,
            digit => pid.push(char::from(digit)),
        }
    }
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let alive = || {
        // A killed orphan may wait as a zombie for whoever adopted it.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        test_kill_process(pid).is_ok() && !stat.contains(") Z ")
    };
    assert!(alive());
    drop(stream);
    for _ in 0..200 {
        if !alive() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the tunnel's grandchild is still running");
}

#[test]
fn proxy_settings_are_read_and_never_quoted() {
    let Ok(Route::Socks5 { host, port, login: None }) = Route::parse_proxy("socks5://proxy.example") else { panic!() };
    assert_eq!((host.as_str(), port), ("proxy.example", 1080));
    let Ok(Route::Socks5 { host, port, login: Some(login) }) = Route::parse_proxy("socks5h://me:p%40ss@[::1]:9") else { panic!() };
    assert_eq!((host.as_str(), port, login.user.as_str(), login.password.expose_secret()), ("::1", 9, "me", "p@ss"));
    assert!(!format!("{login:?}").contains("p@ss"));
    for (text, expected) in [("http://p", 8080), ("http://p:3128/", 3128), ("http://p:80", 80)] {
        let Ok(Route::Http { port, .. }) = Route::parse_proxy(text) else { panic!("{text}") };
        assert_eq!(port, expected);
    }
    for bad in ["", "proxy:1080", "https://u:geheim@p", "ftp://u:geheim@p", "socks5://", "http://u:geheim@p/path", "socks5://u:geheim@p?x"]
    {
        let error = Route::parse_proxy(bad).unwrap_err();
        certainly(&error, Class::Config, &["socks5://host:1080"]);
        assert!(!words(&error).contains("geheim"));
    }
}
