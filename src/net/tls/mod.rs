//! TLS: settings, the connector that is built once from them, and what a handshake agreed on.

mod certificate;
mod explain;
mod files;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use tokio::io::BufReader;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

pub use certificate::Certificate;
use verify::Verifier;

use super::stream::Raw;
use super::{Endpoint, Limits, Meter};
use crate::model::error::{Class, Error, Result};

/// Which certification authorities are trusted beside [`TlsSettings::ca`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Roots {
    /// Mozilla's, compiled in.
    Webpki,
    /// The system's.
    System,
    /// Mozilla's, and the system's where those do not know the issuer.
    #[default]
    Both,
}

/// How a server must prove who it is, and how we do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TlsSettings {
    /// A PEM file of further authorities; may also hold the server's own certificate.
    pub ca: Option<PathBuf>,
    /// SHA-256 of the server's certificate (DER) or of its public key (SPKI). With it, issuer, name and dates do not matter.
    pub pin: Option<[u8; 32]>,
    /// Our client certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM, readable by nobody else; where it is missing, the key is looked for in `cert`.
    pub key: Option<PathBuf>,
    /// Trusted authorities.
    pub roots: Roots,
}

/// Makes TLS connections by one set of settings. Clones share the loaded roots and the resumable sessions, so keep one for
/// each account. Files are read on first use.
#[derive(Debug, Clone)]
pub struct TlsConnector {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: TlsSettings,
    config: OnceLock<Arc<ClientConfig>>,
}

impl TlsConnector {
    /// A connector by these settings.
    pub fn new(settings: TlsSettings) -> Self {
        Self { shared: Arc::new(Shared { settings, config: OnceLock::new() }) }
    }

    /// Its settings.
    pub fn settings(&self) -> &TlsSettings {
        &self.shared.settings
    }

    /// The rustls configuration, for clients that bring their own transport (HTTP): same roots, pin and client certificate.
    pub fn config(&self) -> Result<Arc<ClientConfig>> {
        self.prepare()
    }

    /// Reads the files, or says what is wrong with them (class `config`).
    pub(super) fn prepare(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.shared.config.get() {
            return Ok(config.clone());
        }
        let built = Arc::new(build(&self.shared.settings)?);
        Ok(self.shared.config.get_or_init(|| built).clone())
    }

    /// One handshake, with its own timer. Also answers the channel binding data of TLS 1.3.
    pub(super) async fn handshake(
        &self,
        io: BufReader<Raw>,
        endpoint: &Endpoint,
        limits: &Limits,
        meter: &Meter,
    ) -> Result<(TlsStream<BufReader<Raw>>, TlsInfo, Option<[u8; 32]>)> {
        let config = self.prepare()?;
        let name = server_name(&endpoint.host)
            .ok_or_else(|| Error::new(Class::Config, endpoint.tried(), format!("\"{}\" is no host name", endpoint.host)))?;
        let connect = tokio_rustls::TlsConnector::from(config).connect(name, io);
        let stream = timeout(limits.handshake, connect)
            .await
            .map_err(|_| explain::silent(endpoint, limits.handshake))?
            .map_err(|cause| explain::failed(endpoint, cause))?;
        let connection = stream.get_ref().1;
        let info = TlsInfo::of(connection);
        for _ in 0..info.turns(connection.handshake_kind()) {
            meter.turn();
        }
        let binding = binding(connection);
        Ok((stream, info, binding))
    }
}

/// Why a handshake failed that another client made with [`TlsConnector::config`]. There is no other spelling of its address to try.
pub(super) fn refused(endpoint: &Endpoint, cause: rustls::Error) -> Box<Error> {
    if let rustls::Error::InvalidMessage(_) = cause {
        let error = Error::new(Class::TlsRequired, endpoint.tried(), "the server does not speak TLS here");
        return error.hint(format!("is {} the port for HTTPS?", endpoint.port)).because(cause);
    }
    explain::failed(endpoint, std::io::Error::new(std::io::ErrorKind::InvalidData, cause))
}

impl From<TlsSettings> for TlsConnector {
    fn from(settings: TlsSettings) -> Self {
        Self::new(settings)
    }
}

fn build(settings: &TlsSettings) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let internal = |cause: rustls::Error| Error::new(Class::Internal, "set up TLS", cause.to_string());
    let verifier = Verifier::new(settings, provider.clone())?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(internal)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match files::client_certificate(settings)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|cause| {
            Error::new(Class::Config, "load the client certificate", cause.to_string()).hint("do certificate and key belong together?")
        }),
    }
}

/// The name that the certificate must be valid for: ASCII form, no trailing dot.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host.trim_matches(['[', ']']);
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_ascii() {
        return ServerName::try_from(host.to_string()).ok();
    }
    match url::Host::parse(host).ok()? {
        url::Host::Domain(name) => ServerName::try_from(name).ok(),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}

/// RFC 9266. Before TLS 1.3 the exporter is unique only with extended master secret, so it is not offered there.
fn binding(connection: &ClientConnection) -> Option<[u8; 32]> {
    (connection.protocol_version() == Some(ProtocolVersion::TLSv1_3))
        .then(|| connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).ok())
        .flatten()
}

/// What a handshake agreed on. Displayed for people; may quote the certificate (not sanitised).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// Cipher suite, as rustls names it: `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The server's certificate; none only if it cannot be read.
    pub certificate: Option<Certificate>,
    /// True when an earlier session was carried on.
    pub resumed: bool,
}

impl TlsInfo {
    fn of(connection: &ClientConnection) -> Self {
        let tls13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let cipher = connection.negotiated_cipher_suite();
        Self {
            version: if tls13 { "TLS 1.3" } else { "TLS 1.2" },
            cipher: cipher.and_then(|c| c.suite().as_str()).unwrap_or("unknown cipher").to_string(),
            certificate: connection.peer_certificates().and_then(<[_]>::first).and_then(|leaf| Certificate::read(leaf)),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// Round trips of the handshake.
    fn turns(&self, kind: Option<HandshakeKind>) -> u32 {
        let whole = u32::from(self.version == "TLS 1.2" && !self.resumed);
        1 + whole + u32::from(kind == Some(HandshakeKind::FullWithHelloRetryRequest))
    }
}

impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.version, self.cipher)?;
        match &self.certificate {
            Some(certificate) => write!(f, "; {certificate}"),
            None => write!(f, "; unreadable certificate"),
        }
    }
}
