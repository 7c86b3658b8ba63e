//! Whom we trust.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::certificate::Certificate;
use super::explain::{Distrust, Refused};
use super::{Roots, TlsSettings, files};
use crate::model::error::{Class, Error, Result};

/// Checks a server's certificate: by the pin alone where one is set, else issuer, dates and name. Whatever it says, the
/// handshake's signature must be right.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    pin: Option<[u8; 32]>,
    /// Certificates of the `ca` file; a server's own one among them is trusted for itself.
    ca: Vec<CertificateDer<'static>>,
    known: Option<Arc<WebPkiServerVerifier>>,
    /// Loaded when first needed: that costs tens of milliseconds and most accounts never need it.
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    roots: Roots,
}

impl Verifier {
    pub(super) fn new(settings: &TlsSettings, provider: Arc<CryptoProvider>) -> Result<Self> {
        let ca = match &settings.ca {
            Some(path) => files::certificates(path)?,
            None => Vec::new(),
        };
        let mut store = RootCertStore::empty();
        if settings.roots != Roots::System {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for der in &ca {
            store.add(der.clone()).map_err(|cause| {
                let path = settings.ca.as_deref().unwrap_or_else(|| "".as_ref());
                Error::new(Class::Config, format!("read the certificates in {}", path.display()), cause.to_string())
            })?;
        }
        let known = checker(store, &provider);
        Ok(Self { provider, pin: settings.pin, ca, known, system: OnceLock::new(), roots: settings.roots })
    }

    /// Issuer, dates, name.
    fn check(&self, leaf: &Leaf<'_>) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let first = match &self.known {
            Some(known) => leaf.check(known),
            None => Err(unknown.clone()),
        };
        let Err(why) = first else { return first };
        if self.ca.iter().any(|der| der == leaf.der) {
            return leaf.itself();
        }
        if why != unknown || self.roots == Roots::Webpki {
            return Err(why);
        }
        match self.system.get_or_init(|| checker(native(), &self.provider)) {
            Some(system) => leaf.check(system),
            None => Err(why),
        }
    }
}

/// What a server showed, and for which name and moment.
struct Leaf<'a> {
    der: &'a CertificateDer<'a>,
    chain: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    now: UnixTime,
}

impl Leaf<'_> {
    fn check(&self, by: &WebPkiServerVerifier) -> Result<ServerCertVerified, rustls::Error> {
        by.verify_server_cert(self.der, self.chain, self.name, &[], self.now)
    }

    /// The server's own certificate is in the `ca` file. webpki refuses it where it calls itself an authority, as the
    /// self-signed ones that `openssl req -x509` makes do; dates and name still count.
    fn itself(&self) -> Result<ServerCertVerified, rustls::Error> {
        let known = Certificate::read(self.der).ok_or(CertificateError::BadEncoding)?;
        let now = self.now.as_secs() as i64;
        if now > known.not_after {
            return Err(CertificateError::Expired.into());
        }
        if now < known.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        verify_server_name(&ParsedCertificate::try_from(self.der)?, self.name)?;
        Ok(ServerCertVerified::assertion())
    }

    /// True when the certificate is valid for the name, whoever issued it.
    fn name_fits(&self) -> bool {
        ParsedCertificate::try_from(self.der).is_ok_and(|parsed| verify_server_name(&parsed, self.name).is_ok())
    }
}

fn checker(store: RootCertStore, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build().ok()
}

fn native() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "some of the system's roots cannot be read");
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    store
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = Leaf { der: end_entity, chain: intermediates, name: server_name, now };
        let refuse = |why: Distrust| {
            let refused = Refused::new(why, Certificate::read(end_entity), leaf.name_fits(), now.as_secs() as i64);
            Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
        };
        if let Some(pin) = self.pin {
            let itself = Sha256::digest(end_entity).as_slice() == pin;
            let key = || Certificate::read(end_entity).is_some_and(|shown| shown.spki_sha256 == pin);
            return if itself || key() { Ok(ServerCertVerified::assertion()) } else { refuse(Distrust::Pin(pin)) };
        }
        match self.check(&leaf) {
            Ok(trusted) => Ok(trusted),
            Err(rustls::Error::InvalidCertificate(why)) => refuse(Distrust::of(&why)),
            Err(other) => refuse(Distrust::Other(other.to_string())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
