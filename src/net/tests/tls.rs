//! Trust, handshakes, ends.

use std::io;

use rcgen::date_time_ymd;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use sha2::{Digest as _, Sha256};

use super::*;

/// Trusts nothing but what the test says.
fn only(ca: Option<PathBuf>) -> TlsSettings {
    TlsSettings { ca, roots: Roots::Webpki, ..TlsSettings::default() }
}

fn pinned(pin: [u8; 32]) -> TlsSettings {
    TlsSettings { pin: Some(pin), roots: Roots::Webpki, ..TlsSettings::default() }
}

fn fingerprint(identity: &Identity) -> [u8; 32] {
    Sha256::digest(&identity.certificate).into()
}

async fn refused(host: &str, identity: &Identity, settings: TlsSettings) -> Box<Error> {
    let port = tls_echo(identity.server(&TLS13)).await;
    reach(&endpoint(host, port, Security::Tls), settings).await.unwrap_err()
}

#[tokio::test]
async fn trusted_by_ca_file_in_both_versions_and_each_step_is_told() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let identity = authority.issue(&names(&["localhost", "127.0.0.1"]));
    for (version, named, turns) in [(&TLS13, "TLS 1.3", 2), (&TLS12, "TLS 1.2", 3)] {
        let port = tls_echo(identity.server(version)).await;
        let (meter, seen) = (Arc::new(Meter::default()), Recorder::default());
        let connector = TlsConnector::new(only(Some(ca.clone())));
        let to = endpoint("localhost", port, Security::Tls);
        let mut stream = dial(&to, &connector, &SHORT, meter.clone(), &seen).await.unwrap();
        assert_eq!(meter.totals(), (0, 0, turns), "handshakes are round trips without octets");
        assert_eq!(take(&mut stream, 5).await, "hello");
        stream.write_all(b"ping").await.unwrap();
        assert_eq!(take(&mut stream, 4).await, "ping");
        assert_eq!(meter.totals(), (9, 4, turns + 1));
        assert_eq!(stream.channel_binding().map(|b| b.len()), (named == "TLS 1.3").then_some(32));
        let lines = seen.lines();
        assert!(lines[0].starts_with("Lookup: localhost is ") && lines[0].contains("127.0.0.1"), "{lines:?}");
        assert!(lines[1].starts_with("Connect: connected to 127.0.0.1:"), "{lines:?}");
        let tls = format!("Tls: {named}, TLS");
        assert!(
            lines[2].starts_with(&tls) && lines[2].contains("certificate of localhost, issued by Test Authority, valid until "),
            "{lines:?}"
        );
        assert!(lines[2].ends_with(&format!("SHA-256 {}", &stream.tls_info().unwrap().certificate.as_ref().unwrap().pin()[7..])));

        let again = dial(&to, &connector, &SHORT, meter.clone(), &seen).await.unwrap();
        assert!(again.tls_info().unwrap().certificate.is_some());
        assert_eq!(stream.tls_info().unwrap().version, named);
    }
}

#[tokio::test]
async fn unknown_issuer_names_it_and_says_how_to_pin() {
    let identity = Authority::new().issue(&names(&["localhost"]));
    let pin = format!("sha256:{}", stream_hex(&fingerprint(&identity)));
    let asked = format!("tls = {{ pin = \"{pin}\" }}");
    for roots in [Roots::Webpki, Roots::System, Roots::Both] {
        let error = refused("localhost", &identity, TlsSettings { roots, ..TlsSettings::default() }).await;
        certainly(&error, Class::TlsVerify, &["unknown: Test Authority", &asked, &format!("--pin {pin}"), "ca = ", "no password"]);
        assert!(!words(&error).contains("moreover"));
    }
    let error = refused("127.0.0.1", &identity, only(None)).await;
    certainly(&error, Class::TlsVerify, &["unknown: Test Authority", "moreover it is not valid for 127.0.0.1, but for localhost"]);
}

fn stream_hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn wrong_name_lists_the_right_ones_and_a_common_name_is_none() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let identity = authority.issue(&names(&["mail.example.org", "*.example.net"]));
    let error = refused("localhost", &identity, only(Some(ca.clone()))).await;
    certainly(&error, Class::TlsVerify, &["of another host", "mail.example.org, *.example.net", "pin = "]);

    let mut common = names(&[]);
    common.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let error = refused("localhost", &authority.issue(&common), only(Some(ca))).await;
    certainly(&error, Class::TlsVerify, &["of another host", "no host at all"]);
}

#[tokio::test]
async fn expired_and_not_yet_valid_say_the_date() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let mut old = names(&["localhost"]);
    (old.not_before, old.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2019, 5, 17));
    let error = refused("localhost", &authority.issue(&old), only(Some(ca.clone()))).await;
    certainly(&error, Class::TlsVerify, &["expired on 2019-05-17", "pin = "]);
    let mut young = names(&["localhost"]);
    (young.not_before, young.not_after) = (date_time_ymd(2999, 2, 3), date_time_ymd(3000, 1, 1));
    let error = refused("localhost", &authority.issue(&young), only(Some(ca))).await;
    certainly(&error, Class::TlsVerify, &["not valid before 2999-02-03"]);
    assert!(!words(&error).contains("pin"), "{}", words(&error));
}

#[tokio::test]
async fn a_pin_is_enough_and_a_wrong_one_is_fatal() {
    let identity = Authority::new().issue(&names(&["elsewhere.example"]));
    let leaf = Certificate::read(&identity.certificate).unwrap();
    assert_eq!(leaf.sha256, fingerprint(&identity));
    for version in [&TLS12, &TLS13] {
        let port = tls_echo(identity.server(version)).await;
        for pin in [leaf.sha256, leaf.spki_sha256] {
            let mut stream = reach(&endpoint("localhost", port, Security::Tls), pinned(pin)).await.unwrap();
            assert_eq!(take(&mut stream, 5).await, "hello");
        }
    }
    let error = refused("localhost", &identity, pinned([1; 32])).await;
    certainly(&error, Class::TlsVerify, &["not the pinned one", "sha256:0101", &leaf.pin()]);

    // A pin replaces every other check, so a trusted certificate that is not the pinned one is refused too.
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let trusted = authority.issue(&names(&["localhost"]));
    let settings = TlsSettings { ca: Some(file(&dir, "ca.pem", &authority.pem, 0o644)), ..pinned(leaf.sha256) };
    certainly(&*refused("localhost", &trusted, settings).await, Class::TlsVerify, &["not the pinned one"]);
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    // The signature of the handshake counts also with a pin: else anybody could show the pinned certificate.
    let authority = Authority::new();
    let (shown, other) = (authority.issue(&names(&["localhost"])), authority.issue(&names(&["localhost"])));
    let signing = rustls::crypto::ring::sign::any_ecdsa_type(&other.key().into()).unwrap();
    let stolen = rustls::sign::CertifiedKey::new(vec![shown.certificate.clone()], signing);
    for version in [&TLS12, &TLS13] {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(stolen.clone())));
        let port = tls_echo(config).await;
        let error = reach(&endpoint("localhost", port, Security::Tls), pinned(fingerprint(&shown))).await.unwrap_err();
        certainly(&error, Class::TlsVerify, &["does not own its certificate"]);
    }
}

#[tokio::test]
async fn a_self_signed_certificate_in_the_ca_file_is_trusted_for_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = names(&["localhost"]);
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let identity = Identity { pem: certificate.pem(), certificate: certificate.into(), key };
        let ca = file(&dir, "self.pem", &identity.pem, 0o644);
        let port = tls_echo(identity.server(&TLS13)).await;
        reach(&endpoint("localhost", port, Security::Tls), only(Some(ca.clone()))).await.unwrap();
        let error = refused("127.0.0.1", &identity, only(Some(ca))).await;
        certainly(&error, Class::TlsVerify, &["another host"]);
        let error = refused("localhost", &identity, only(None)).await;
        certainly(&error, Class::TlsVerify, &["pin = "]);
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_a_missing_one_explained() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let (server, client) = (authority.issue(&names(&["localhost"])), authority.issue(&names(&["me"])));
    let cert = file(&dir, "me.pem", &client.pem, 0o644);
    let key = file(&dir, "me.key", &client.key.serialize_pem(), 0o600);
    let both = file(&dir, "both.pem", &format!("{}{}", client.pem, client.key.serialize_pem()), 0o600);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pem_der(&authority.pem))).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    for version in [&TLS12, &TLS13] {
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert(vec![server.certificate.clone()], server.key().into())
            .unwrap();
        let port = tls_echo(config).await;
        let to = endpoint("localhost", port, Security::Tls);
        for (cert, key) in [(&cert, Some(&key)), (&both, None)] {
            let settings = TlsSettings { cert: Some(cert.clone()), key: key.cloned(), ..only(Some(ca.clone())) };
            assert_eq!(take(&mut reach(&to, settings).await.unwrap(), 5).await, "hello");
        }
        // TLS 1.3 servers say it only after the client thinks that all is well.
        let error = match reach(&to, only(Some(ca.clone()))).await {
            Ok(mut stream) => lost(to.tried(), stream.read_u8().await.unwrap_err()),
            Err(error) => error,
        };
        certainly(&error, Class::TlsVerify, &["client certificate", "cert = "]);
    }
}

fn pem_der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn unusable_files_are_configuration_errors() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Authority::new().issue(&names(&["me"]));
    let cert = file(&dir, "me.pem", &identity.pem, 0o644);
    let shared = file(&dir, "shared.key", &identity.key.serialize_pem(), 0o640);
    let empty = file(&dir, "empty.pem", "nothing\n", 0o600);
    let other = file(&dir, "other.key", &KeyPair::generate().unwrap().serialize_pem(), 0o600);
    let locked = file(&dir, "locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", 0o600);
    let with = |cert: &PathBuf, key: &PathBuf| TlsSettings { cert: Some(cert.clone()), key: Some(key.clone()), ..only(None) };
    for (settings, part) in [
        (only(Some(dir.path().join("absent"))), "absent"),
        (only(Some(empty.clone())), "no certificate in it"),
        (only(Some(dir.path().into())), "not a file"),
        (with(&cert, &shared), "mode 640"),
        (with(&cert, &empty), "no usable key"),
        (with(&cert, &locked), "encrypted"),
        (with(&cert, &other), "belong together"),
        (with(&cert, &cert), "others may read it"),
        (TlsSettings { key: Some(other.clone()), ..only(None) }, "no certificate"),
    ] {
        let error = reach(&endpoint("127.0.0.1", 1, Security::StartTls), settings).await.unwrap_err();
        certainly(&error, Class::Config, &[part]);
        assert!(!words(&error).contains("PRIVATE KEY-----\nM"));
    }
}

#[tokio::test]
async fn a_cut_connection_is_never_a_clean_end() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    for version in [&TLS12, &TLS13] {
        for polite in [false, true] {
            let acceptor = TlsAcceptor::from(Arc::new(authority.issue(&names(&["localhost"])).server(version)));
            let port = listen(move |socket| {
                let acceptor = acceptor.clone();
                async move {
                    let mut tls = acceptor.accept(socket).await.unwrap();
                    tls.write_all(b"* 1 FETCH").await.unwrap();
                    if polite {
                        tls.shutdown().await.unwrap();
                    }
                }
            })
            .await;
            let mut stream = reach(&endpoint("localhost", port, Security::Tls), only(Some(ca.clone()))).await.unwrap();
            let mut got = Vec::new();
            let end = stream.read_to_end(&mut got).await;
            assert_eq!(got, b"* 1 FETCH");
            match (polite, end) {
                (true, end) => assert_eq!(end.unwrap(), 9),
                (false, end) => {
                    let cause = end.unwrap_err();
                    assert_eq!(cause.kind(), io::ErrorKind::UnexpectedEof);
                    certainly(&lost("fetch", cause), Class::Temporary, &["in the middle"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_silent_handshake_times_out() {
    let port = listen(|socket| async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        drop(socket);
    })
    .await;
    let limits = Limits { handshake: Duration::from_millis(50), ..SHORT };
    let connector = TlsConnector::new(only(None));
    let to = endpoint("127.0.0.1", port, Security::Tls);
    let error = dial(&to, &connector, &limits, Arc::default(), &Recorder::default()).await.unwrap_err();
    certainly(&error, Class::Temporary, &["no TLS handshake within 0.05 seconds"]);

    // And after STARTTLS as well.
    let to = endpoint("127.0.0.1", port, Security::StartTls);
    let stream = dial(&to, &connector, &limits, Arc::default(), &Recorder::default()).await.unwrap();
    let error = stream.start_tls(&to, &connector, &limits, &Recorder::default()).await.unwrap_err();
    certainly(&error, Class::Temporary, &["no TLS handshake within"]);
}

#[tokio::test]
async fn no_tls_and_old_tls_are_tls_required() {
    for (answer, part) in [
        (&b"* OK IMAP4rev1 ready\r\n"[..], "does not speak TLS"),
        (&[0x15, 3, 1, 0, 2, 2, 70][..], "no TLS 1.2 or newer"),
        (&[0x15, 3, 1, 0, 2, 2, 40][..], "no TLS 1.2 or newer"),
    ] {
        let port = listen(move |mut socket| async move {
            let _ = socket.write_all(answer).await;
            let _ = socket.read(&mut [0; 4096]).await;
        })
        .await;
        let error = reach(&endpoint("127.0.0.1", port, Security::Tls), only(None)).await.unwrap_err();
        certainly(&error, Class::TlsRequired, &[part]);
    }
    let port = listen(|socket| async move { drop(socket) }).await;
    let error = reach(&endpoint("127.0.0.1", port, Security::Tls), only(None)).await.unwrap_err();
    certainly(&error, Class::Temporary, &["handshake"]);
}

#[tokio::test]
async fn starttls_works_and_octets_injected_behind_the_answer_end_it() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let ca = file(&dir, "ca.pem", &authority.pem, 0o644);
    let identity = authority.issue(&names(&["localhost"]));
    for injected in ["", "* CAPABILITY EVIL\r\n"] {
        let acceptor = TlsAcceptor::from(Arc::new(identity.server(&TLS13)));
        let port = listen(move |mut socket| {
            let acceptor = acceptor.clone();
            async move {
                socket.write_all(format!("a OK\r\n{injected}").as_bytes()).await.unwrap();
                if let Ok(mut tls) = acceptor.accept(socket).await {
                    echo(&mut tls).await;
                }
            }
        })
        .await;
        let connector = TlsConnector::new(only(Some(ca.clone())));
        let to = endpoint("localhost", port, Security::StartTls);
        let (meter, seen) = (Arc::new(Meter::default()), Recorder::default());
        let mut clear = dial(&to, &connector, &SHORT, meter.clone(), &seen).await.unwrap();
        assert!(!clear.is_encrypted() && clear.channel_binding().is_none());
        assert_eq!(take(&mut clear, 6).await, "a OK\r\n");
        let secured = clear.start_tls(&to, &connector, &SHORT, &seen).await;
        if injected.is_empty() {
            let mut secured = secured.unwrap();
            assert!(secured.is_encrypted() && secured.channel_binding().is_some());
            secured.write_all(b"ping").await.unwrap();
            assert_eq!(take(&mut secured, 4).await, "ping");
            assert!(seen.lines().last().unwrap().starts_with("Tls: TLS 1.3"));
            assert_eq!(meter.totals().0, 10);
        } else {
            certainly(&secured.unwrap_err(), Class::TlsRequired, &["in clear"]);
        }
    }
}
