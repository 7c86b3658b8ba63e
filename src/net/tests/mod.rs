//! In-process peers: a certification authority, TLS servers, proxies.

mod deflate;
mod http;
mod routes;
mod tls;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::error::{Class, Error, Result};
use crate::model::event::{Event, Observer};

/// Remembers what was reached.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn on(&self, event: &Event<'_>) {
        if let Event::Reached { step, detail } = event {
            self.0.lock().unwrap().push(format!("{step:?}: {detail}"));
        }
    }
}

impl Recorder {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

const SHORT: Limits = Limits { connect: Duration::from_secs(5), handshake: Duration::from_secs(5) };

fn endpoint(host: &str, port: u16, security: Security) -> Endpoint {
    Endpoint { host: host.into(), port, security, route: Route::Direct }
}

async fn reach(endpoint: &Endpoint, settings: TlsSettings) -> Result<Stream> {
    dial(endpoint, &settings.into(), &SHORT, Arc::default(), &Recorder::default()).await
}

/// Everything that a person would read.
fn words(error: &Error) -> String {
    format!("{error}\n{}\n{}", error.safe.as_deref().unwrap_or_default(), error.hints.join("\n"))
}

fn certainly(error: &Error, class: Class, parts: &[&str]) {
    let text = words(error);
    assert_eq!(error.class, class, "{text}");
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is not in: {text}");
    }
}

/// A certification authority of ours.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { pem: certificate.pem(), certificate: certificate.into(), key }
    }
}

/// A certificate with its key.
struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key.serialize_der().into()
    }

    /// A server that asks for no client certificate.
    fn server(&self, version: &'static SupportedProtocolVersion) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key().into())
            .unwrap()
    }
}

fn names(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn file(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Listens, and lets `serve` handle every connection; answers the port.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    port
}

/// A TLS server that says `hello` and gives back what it gets.
async fn tls_echo(config: ServerConfig) -> u16 {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listen(move |socket| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            let _ = tls.write_all(b"hello").await;
            echo(&mut tls).await;
        }
    })
    .await
}

async fn echo(io: &mut (impl ByteStream + ?Sized)) {
    let mut buffer = [0; 4096];
    loop {
        match io.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(got) => {
                if io.write_all(&buffer[..got]).await.is_err() || io.flush().await.is_err() {
                    break;
                }
            }
        }
    }
}

/// Reads exactly so many octets.
async fn take(io: &mut (impl ByteStream + ?Sized), octets: usize) -> String {
    let mut buffer = vec![0; octets];
    io.read_exact(&mut buffer).await.unwrap();
    String::from_utf8(buffer).unwrap()
}
