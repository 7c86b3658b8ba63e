//! HTTPS against scripted servers.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use async_compression::tokio::write::GzipEncoder;
use bytes::Bytes;
use rustls::version::TLS13;
use tokio::io::copy_bidirectional;
use url::Url;

use super::super::http::{Answer, Http, Method, Request};
use super::*;

const MOST: u64 = 64 << 20;

/// A server that gives the same answer to each request on each connection, octet for octet, and then closes where `close` says so.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _dir: tempfile::TempDir,
    settings: TlsSettings,
}

impl Server {
    async fn new(answer: impl Into<Vec<u8>>, close: bool) -> Self {
        let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
        let acceptor = TlsAcceptor::from(Arc::new(authority.issue(&names(&["localhost"])).server(&TLS13)));
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, count, answer) = (requests.clone(), connections.clone(), Arc::new(answer.into()));
        let port = listen(move |socket| {
            let (acceptor, seen, count, answer) = (acceptor.clone(), seen.clone(), count.clone(), answer.clone());
            async move {
                let Ok(mut tls) = acceptor.accept(socket).await else { return };
                count.fetch_add(1, Relaxed);
                while let Some(request) = request(&mut tls).await {
                    seen.lock().unwrap().push(request);
                    if tls.write_all(&answer).await.is_err() || tls.flush().await.is_err() || close {
                        break;
                    }
                }
                if close {
                    let _ = tls.shutdown().await;
                } else {
                    std::future::pending::<()>().await;
                }
            }
        })
        .await;
        let settings = TlsSettings { ca: Some(ca), roots: Roots::Webpki, ..TlsSettings::default() };
        Self { port, requests, connections, _dir: dir, settings }
    }

    fn url(&self) -> Url {
        Url::parse(&format!("https://localhost:{}/Microsoft-Server-ActiveSync?Cmd=Sync&User=me", self.port)).unwrap()
    }

    fn client(&self) -> Http {
        self.client_by(Route::Direct)
    }

    fn client_by(&self, route: Route) -> Http {
        let limits = Limits { connect: Duration::from_secs(2), handshake: Duration::from_secs(2) };
        Http::new(route, &self.settings.clone().into(), limits, Arc::default()).unwrap()
    }

    async fn ask(&self) -> Result<Answer> {
        self.client().send(&post(&self.url())).await
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads one request, with its body.
async fn request(io: &mut (impl ByteStream + ?Sized)) -> Option<String> {
    let mut text = Vec::new();
    let mut octet = [0];
    while !text.ends_with(b"\r\n\r\n") {
        io.read_exact(&mut octet).await.ok()?;
        text.push(octet[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let length =
        head.to_lowercase().split_once("content-length: ").map_or(0, |(_, rest)| rest.split_once('\r').unwrap().0.parse().unwrap());
    Some(head + &take(io, length).await)
}

fn post(url: &Url) -> Request<'_> {
    let (body, silence) = (Bytes::from_static(b"body").into(), Duration::from_secs(5));
    Request {
        method: Method::Post,
        url,
        headers: &[("Authorization", "Basic c2VjcmV0"), ("X-MS-PolicyKey", "0")],
        body,
        silence,
        most: MOST,
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).as_bytes(), body].concat()
}

async fn body(answer: &mut Answer) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        assert!(!piece.is_empty());
        all.extend_from_slice(&piece);
    }
    assert!(answer.chunk().await?.is_none());
    Ok(all)
}

async fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(data).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// The error that comes of this answer, at once or with its body.
async fn error(answer: impl Into<Vec<u8>>) -> Error {
    let server = Server::new(answer, true).await;
    match server.ask().await {
        Ok(mut answer) => *body(&mut answer).await.unwrap_err(),
        Err(error) => *error,
    }
}

#[tokio::test]
async fn requests_are_answered_on_one_connection() {
    let server = Server::new(answer("200 OK", "X-Y: a\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n", b"hello"), false).await;
    let (meter, limits) = (Arc::new(Meter::default()), SHORT);
    let client = Http::new(Route::Direct, &server.settings.clone().into(), limits, meter.clone()).unwrap();
    for _ in 0..3 {
        let mut answer = client.send(&post(&server.url())).await.unwrap();
        assert_eq!((answer.status, answer.header("x-y"), answer.header("x-z")), (200, Some("a"), None));
        assert_eq!(answer.all("Set-Cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(body(&mut answer).await.unwrap(), b"hello");
    }
    assert_eq!(server.connections.load(Relaxed), 1);
    let request = &server.requests()[2];
    assert!(request.starts_with("POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=me HTTP/1.1\r\n") && request.ends_with("\r\n\r\nbody"));
    for header in ["authorization: Basic c2VjcmV0", "x-ms-policykey: 0", "accept-encoding: gzip", "content-length: 4"] {
        assert!(request.contains(&format!("{header}\r\n")), "{header} is not in {request}");
    }
    let (came, went, turns) = meter.totals();
    assert!((15..400).contains(&came) && (300..1200).contains(&went), "{came} {went}");
    assert_eq!(turns, 3);
}

#[tokio::test]
async fn options_have_no_body() {
    let server = Server::new(answer("200 OK", "MS-ASProtocolVersions: 14.1\r\n", b""), false).await;
    let url = server.url();
    let request = Request { method: Method::Options, headers: &[], body: Bytes::new().into(), ..post(&url) };
    let mut answer = server.client().send(&request).await.unwrap();
    assert_eq!(answer.header("ms-asprotocolversions"), Some("14.1"));
    assert_eq!(body(&mut answer).await.unwrap(), b"");
    assert!(server.requests()[0].starts_with("OPTIONS /Microsoft"));
}

#[tokio::test]
async fn nothing_is_followed_or_sent_again() {
    for (status, headers) in [
        ("302 Found", "Location: https://localhost:1/\r\n"),
        ("307 Temporary Redirect", "Location: /\r\n"),
        ("451 Unavailable", "X-MS-Location: https://localhost:1/\r\n"),
        ("401 Unauthorized", "WWW-Authenticate: Basic\r\n"),
        ("449 Retry", ""),
        ("503 Service Unavailable", "Retry-After: 7\r\n"),
    ] {
        let server = Server::new(answer(status, headers, b"x"), false).await;
        assert_eq!(server.ask().await.unwrap().status.to_string(), status[..3]);
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let text: Vec<u8> = (0..200_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
    for packing in ["gzip", "GZIP", "x-gzip"] {
        let server = Server::new(answer("200 OK", &format!("Content-Encoding: {packing}\r\n"), &gzip(&text).await), false).await;
        let (client, url) = (server.client(), server.url());
        for _ in 0..2 {
            assert!(body(&mut client.send(&post(&url)).await.unwrap()).await.unwrap() == text);
        }
        assert_eq!(server.connections.load(Relaxed), 1, "kept alive");
    }
}

/// "Nothing changed" is an answer without octets; some servers say that it is packed all the same.
#[tokio::test]
async fn an_empty_answer_is_empty_even_where_it_is_called_packed() {
    for headers in ["", "Content-Encoding: gzip\r\n"] {
        let server = Server::new(answer("200 OK", headers, b""), false).await;
        assert_eq!(body(&mut server.ask().await.unwrap()).await.unwrap(), b"");
    }
    certainly(
        &error("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\n").await,
        Class::Temporary,
        &["connection was lost"],
    );
}

#[tokio::test]
async fn what_unpacks_to_far_too_much_is_refused() {
    let zeros = gzip(&vec![0; 16 << 20]).await;
    let error_of = async |body: &[u8]| error(answer("200 OK", "Content-Encoding: gzip\r\n", body)).await;
    certainly(&error_of(&zeros).await, Class::Protocol, &["unpacks to far more"]);
    certainly(&error_of(&zeros[..zeros.len() / 2]).await, Class::Protocol, &[]);
    let packed = gzip(b"a body that is cut short").await;
    certainly(&error_of(&packed[..packed.len() - 9]).await, Class::Protocol, &["damaged"]);
    certainly(&error_of(b"<html>").await, Class::Protocol, &["damaged"]);
    certainly(&error(answer("200 OK", "Content-Encoding: br\r\n", b"x")).await, Class::Protocol, &["not asked for"]);
}

#[tokio::test]
async fn a_body_has_the_length_that_it_may_and_must_have() {
    let server = Server::new(answer("200 OK", "", &[b'x'; 1000]), false).await;
    let url = server.url();
    for (most, fine) in [(1000, true), (999, false)] {
        let mut answer = server.client().send(&Request { most, ..post(&url) }).await.unwrap();
        match body(&mut answer).await {
            Ok(all) => assert!(fine && all.len() == 1000),
            Err(error) => certainly(&error, Class::Protocol, if fine { &["never"] } else { &["too long"] }),
        }
    }
    certainly(&error("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").await, Class::Temporary, &["connection was lost"]);
    certainly(
        &error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n").await,
        Class::Temporary,
        &["connection was lost"],
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let size = error(format!("{chunked}FFFFFFFFFFFFFFFFF\r\nx")).await;
    assert!(matches!(size.class, Class::Protocol | Class::Temporary), "{size}");
    certainly(&error("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy").await, Class::Protocol, &["no HTTP"]);
    let many = "X-Y: z\r\n".repeat(1000);
    certainly(&error(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await, Class::Protocol, &["no HTTP"]);
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let server = Server::new(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", piece.repeat(40)), false).await;
    let url = server.url();
    let mut answer = server.client().send(&Request { most: 1 << 20, ..post(&url) }).await.unwrap();
    certainly(&body(&mut answer).await.unwrap_err(), Class::Protocol, &["too long"]);
}

#[tokio::test]
async fn what_is_no_http_is_the_servers_fault() {
    for other in ["* OK IMAP4rev1 ready\r\n", "<html>\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n"] {
        certainly(&error(other).await, Class::Protocol, &["no HTTP"]);
    }
    certainly(&error("").await, Class::Temporary, &["connection was lost"]);
}

#[tokio::test]
async fn silence_is_not_borne_for_ever() {
    for (says, in_body) in
        [("", false), ("HTTP/1.1 100 Continue\r\n\r\n", false), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true)]
    {
        let server = Server::new(says, false).await;
        let url = server.url();
        let request = Request { silence: Duration::from_millis(300), ..post(&url) };
        let started = Instant::now();
        let error = match server.client().send(&request).await {
            Ok(mut answer) => body(&mut answer).await.unwrap_err(),
            Err(error) => error,
        };
        certainly(&error, Class::Temporary, &["silent for", if in_body { "0.3 seconds" } else { "2.3 seconds" }]);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn trust_is_the_accounts() {
    let server = Server::new(answer("200 OK", "", b""), false).await;
    let distrusting = TlsSettings { ca: None, ..server.settings.clone() };
    let ask = async |settings: TlsSettings, url: &Url| {
        Http::new(Route::Direct, &settings.into(), SHORT, Arc::default()).unwrap().send(&post(url)).await
    };
    let error = ask(distrusting, &server.url()).await.unwrap_err();
    certainly(
        &error,
        Class::TlsVerify,
        &["issuer of the server's certificate is unknown: Test Authority", "--pin sha256:", "nothing was sent"],
    );
    let other = Url::parse(&format!("https://127.0.0.1:{}/", server.port)).unwrap();
    certainly(&ask(server.settings.clone(), &other).await.unwrap_err(), Class::TlsVerify, &["valid for localhost"]);
    assert_eq!(server.requests(), [""; 0]);
    let missing = TlsSettings { ca: Some("/no/such/file".into()), ..TlsSettings::default() };
    certainly(&Http::new(Route::Direct, &missing.into(), SHORT, Arc::default()).unwrap_err(), Class::Config, &[]);
}

#[tokio::test]
async fn servers_that_are_not_there_are_unavailable() {
    let server = Server::new("", true).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (url, part) in [(format!("https://localhost:{free}/"), "refused"), ("https://no-such-host.invalid/".into(), "no-such-host.invalid")]
    {
        let url = Url::parse(&url).unwrap();
        let error = server.client().send(&post(&url)).await.unwrap_err();
        certainly(&error, Class::Unavailable, &[part]);
    }
    let clear = listen(|mut socket| async move { socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap() }).await;
    let url = Url::parse(&format!("https://localhost:{clear}/")).unwrap();
    certainly(&server.client().send(&post(&url)).await.unwrap_err(), Class::TlsRequired, &["does not speak TLS", "the port for HTTPS?"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_our_fault() {
    let server = Server::new("", true).await;
    for url in ["http://localhost/", "ftp://localhost/", "file:///etc/passwd"] {
        let url = Url::parse(url).unwrap();
        certainly(&server.client().send(&post(&url)).await.unwrap_err(), Class::Config, &["not https"]);
    }
    let url = server.url();
    for headers in [[("X-Y", "a\r\nCookie: b")], [("X Y", "a")], [("X-Y", "a\0")]] {
        certainly(&server.client().send(&Request { headers: &headers, ..post(&url) }).await.unwrap_err(), Class::Config, &["header"]);
    }
    let tunnel = Http::new(Route::Tunnel(vec!["ssh".into()]), &server.settings.clone().into(), SHORT, Arc::default());
    certainly(&tunnel.unwrap_err(), Class::Config, &["tunnel command"]);
    assert_eq!(server.connections.load(Relaxed), 0);
}

#[test]
fn the_login_is_not_printed() {
    let url = Url::parse("https://localhost/").unwrap();
    assert!(!format!("{:?}", post(&url)).contains("c2VjcmV0"));
}

/// Relays to any port of this machine; answers what clients said to it.
async fn relay(socks: bool) -> (u16, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    let port = listen(move |mut io| {
        let seen = seen.clone();
        async move {
            let port = if socks {
                let mut head = [0; 2];
                io.read_exact(&mut head).await.unwrap();
                take(&mut io, usize::from(head[1])).await;
                io.write_all(&[5, 2]).await.unwrap();
                let login = take(&mut io, 7).await;
                seen.lock().unwrap().push(login);
                io.write_all(&[1, 0]).await.unwrap();
                let mut request = [0; 5];
                io.read_exact(&mut request).await.unwrap();
                let host = take(&mut io, usize::from(request[4])).await;
                seen.lock().unwrap().push(host);
                let port = io.read_u16().await.unwrap();
                io.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                port
            } else {
                let head = request(&mut io).await.unwrap();
                let port = head.split_once(" HTTP").unwrap().0.rsplit(':').next().unwrap().parse().unwrap();
                seen.lock().unwrap().push(head);
                io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                port
            };
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = copy_bidirectional(&mut io, &mut server).await;
        }
    })
    .await;
    (port, heads)
}

#[tokio::test]
async fn proxies_carry_requests() {
    let server = Server::new(answer("200 OK", "", b"hello"), false).await;
    let login = || Some(Login { user: "me".into(), password: "pw".to_string().into() });
    let (port, heads) = relay(true).await;
    let route = Route::Socks5 { host: "127.0.0.1".into(), port, login: login() };
    let mut answer = server.client_by(route).send(&post(&server.url())).await.unwrap();
    assert_eq!(body(&mut answer).await.unwrap(), b"hello");
    assert_eq!(*heads.lock().unwrap(), ["\u{1}\u{2}me\u{2}pw", "localhost"], "the proxy looks the name up");

    let (port, heads) = relay(false).await;
    let route = Route::Http { host: "127.0.0.1".into(), port, login: login() };
    let mut answer = server.client_by(route).send(&post(&server.url())).await.unwrap();
    assert_eq!(body(&mut answer).await.unwrap(), b"hello");
    let head = heads.lock().unwrap()[0].to_lowercase();
    assert!(
        head.starts_with(&format!("connect localhost:{} http/1.1\r\n", server.port))
            && head.contains("proxy-authorization: basic bwu6chc=")
    );
    assert!(!head.contains("c2vjcmv0"), "the server's login is not for the proxy");
}

#[tokio::test]
async fn servers_that_speak_http_2_are_spoken_to_in_it() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let mut config = authority.issue(&names(&["localhost"])).server(&TLS13);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (acceptor, preface) = (TlsAcceptor::from(Arc::new(config)), Arc::new(Mutex::new(String::new())));
    let seen = preface.clone();
    let port = listen(move |socket| {
        let (acceptor, seen) = (acceptor.clone(), seen.clone());
        async move {
            let mut tls = acceptor.accept(socket).await.unwrap();
            let text = take(&mut tls, 16).await;
            *seen.lock().unwrap() = text;
        }
    })
    .await;
    let settings = TlsSettings { ca: Some(ca), roots: Roots::Webpki, ..TlsSettings::default() };
    let client = Http::new(Route::Direct, &settings.into(), SHORT, Arc::default()).unwrap();
    let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
    assert!(client.send(&post(&url)).await.is_err(), "the server says nothing more");
    assert_eq!(*preface.lock().unwrap(), "PRI * HTTP/2.0\r\n");
}
