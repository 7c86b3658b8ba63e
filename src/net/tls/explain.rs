//! Why a handshake failed, for people.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error as Tls};

use super::certificate::{Certificate, day};
use crate::model::error::{Class, Error};
use crate::net::dial::seconds;
use crate::net::lost::about_our_certificate;
use crate::net::tunnel::Ended;
use crate::net::{Endpoint, Security};
use crate::wire::hex;

/// No clock that is right shows an earlier moment (2026-01-01): this program was not written then. Reproducible builds
/// say theirs.
const BUILT: i64 = match option_env!("SOURCE_DATE_EPOCH") {
    Some(text) => decimal(text.as_bytes()),
    None => 1_767_225_600,
};

const fn decimal(digits: &[u8]) -> i64 {
    let (mut value, mut at) = (0, 0);
    while at < digits.len() && digits[at].is_ascii_digit() && at < 12 {
        value = value * 10 + (digits[at] - b'0') as i64;
        at += 1;
    }
    value
}

/// What is wrong with a certificate.
#[derive(Debug, Clone)]
pub(super) enum Distrust {
    /// Not the pinned one.
    Pin([u8; 32]),
    /// Nobody we trust issued it.
    Issuer,
    /// Too old.
    Expired,
    /// Too young.
    NotYet,
    /// Of another host.
    Name,
    /// Something else.
    Other(String),
}

impl Distrust {
    pub(super) fn of(why: &CertificateError) -> Self {
        use CertificateError as E;
        match why {
            E::UnknownIssuer => Self::Issuer,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYet,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::Name,
            other => Self::Other(Tls::InvalidCertificate(other.clone()).to_string()),
        }
    }
}

/// A refused certificate: travels through rustls inside its error, because on failure the connection is gone and the
/// certificate with it.
#[derive(Debug)]
pub(super) struct Refused {
    why: Distrust,
    shown: Option<Certificate>,
    name_fits: bool,
    now: i64,
}

impl Refused {
    pub(super) fn new(why: Distrust, shown: Option<Certificate>, name_fits: bool, now: i64) -> Self {
        Self { why, shown, name_fits, now }
    }

    /// Dates are only to blame where the clock is not.
    fn clock_is_wrong(&self) -> bool {
        self.now < BUILT && matches!(self.why, Distrust::Expired | Distrust::NotYet)
    }

    /// Pinning mends these and only these; a date in the future is mended by waiting or by setting the clock.
    fn pin_helps(&self) -> bool {
        match self.why {
            Distrust::Issuer | Distrust::Expired | Distrust::Name | Distrust::Pin(_) => !self.clock_is_wrong(),
            // What webpki says of a self-signed certificate that calls itself an authority.
            Distrust::Other(_) => self.shown.as_ref().is_some_and(|c| c.self_signed),
            Distrust::NotYet => false,
        }
    }

    fn explain(&self, endpoint: &Endpoint) -> Box<Error> {
        let moreover = match &self.shown {
            Some(shown) if !self.name_fits && !matches!(self.why, Distrust::Name | Distrust::Pin(_)) => {
                format!("; moreover it is not valid for {}, but for {}", endpoint.host, shown.valid_for())
            }
            _ => String::new(),
        };
        let mut error = Error::new(Class::TlsVerify, endpoint.tried(), format!("{self}{moreover}"))
            .safe("nothing was sent to the server, no password either");
        if self.clock_is_wrong() {
            error = error.hint(format!("the clock of this machine is wrong: it says {}; set it", day(self.now)));
        }
        match (&self.why, &self.shown) {
            (Distrust::Name, Some(shown)) if !shown.names.is_empty() => {
                error = error.hint(format!("use one of the names that the certificate is valid for as host: {}", shown.valid_for()));
            }
            (Distrust::Issuer, Some(shown)) if !shown.self_signed => {
                error = error.hint("if your organisation has its own authority: tls = { ca = \"/path/to/authority.pem\" }");
            }
            _ => {}
        }
        match &self.shown {
            Some(shown) if self.pin_helps() => error.hint(format!(
                "only if its operator confirms this fingerprint, trust this very certificate: tls = {{ pin = \"{pin}\" }}, on the command line --pin {pin}",
                pin = shown.pin()
            )),
            _ => error,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shown) = &self.shown else { return write!(f, "the server's certificate cannot be read") };
        match &self.why {
            Distrust::Pin(pin) => write!(f, "the server's certificate is not the pinned one (pinned: sha256:{})", hex(pin))?,
            Distrust::Issuer if shown.self_signed => write!(f, "the server's certificate is signed by itself, by no authority")?,
            Distrust::Issuer => write!(f, "the issuer of the server's certificate is unknown: {}", shown.issuer)?,
            Distrust::Expired => write!(f, "the server's certificate has expired on {}", day(shown.not_after))?,
            Distrust::NotYet => write!(f, "the server's certificate is not valid before {}", day(shown.not_before))?,
            Distrust::Name => write!(f, "the server's certificate is of another host: it is valid for {}", shown.valid_for())?,
            Distrust::Other(why) => write!(f, "the server's certificate is not acceptable: {why}")?,
        }
        write!(f, "; {shown}")
    }
}

impl std::error::Error for Refused {}

/// The error for a handshake that was too slow.
pub(super) fn silent(endpoint: &Endpoint, limit: Duration) -> Box<Error> {
    Error::new(Class::Temporary, endpoint.tried(), format!("no TLS handshake within {}", seconds(limit))).hint(which_tls(endpoint))
}

/// The error for a handshake that failed.
pub(super) fn failed(endpoint: &Endpoint, cause: io::Error) -> Box<Error> {
    let tried = endpoint.tried();
    if let Some(ended) = Ended::of(&cause) {
        return ended.explain(tried);
    }
    let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    let error = match tls {
        Some(Tls::InvalidCertificate(CertificateError::Other(other))) => match other.0.downcast_ref::<Refused>() {
            // It says all there is; rustls' wrapping of it would only be shown a second time.
            Some(refused) => return refused.explain(endpoint),
            None => Error::new(Class::TlsVerify, tried, other.to_string()),
        },
        Some(Tls::InvalidCertificate(why)) => {
            Error::new(Class::TlsVerify, tried, format!("the server does not own its certificate: {why}"))
        }
        Some(Tls::InvalidMessage(_)) => {
            Error::new(Class::TlsRequired, tried, "the server does not speak TLS here").hint(which_tls(endpoint))
        }
        Some(Tls::PeerIncompatible(why)) => too_old(tried, &format!("{why:?}")),
        Some(Tls::AlertReceived(alert)) => match alert {
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                too_old(tried, &format!("{alert:?}"))
            }
            alert if about_our_certificate(*alert) => {
                Error::new(Class::TlsVerify, tried, format!("the server refuses our client certificate, or wants one ({alert:?})"))
                    .hint("set the client certificate and key: tls = { cert = \"…\", key = \"…\" }")
            }
            other => Error::new(Class::Temporary, tried, format!("the server broke the TLS handshake off: {other:?}")),
        },
        Some(other) => Error::new(Class::Temporary, tried, format!("the TLS handshake failed: {other}")),
        None => {
            Error::new(Class::Temporary, tried, format!("the connection was lost in the TLS handshake: {cause}")).hint(which_tls(endpoint))
        }
    };
    error.because(cause)
}

/// The usual mistake, as far as the setting lets it be one.
fn which_tls(endpoint: &Endpoint) -> String {
    match endpoint.security {
        Security::Tls => format!(
            "does port {} speak TLS from the start? If not, use the URL scheme without the s at its end: it means STARTTLS",
            endpoint.port
        ),
        Security::StartTls | Security::Clear => "it agreed to STARTTLS first: a broken server, or somebody in between".into(),
    }
}

fn too_old(tried: String, detail: &str) -> Box<Error> {
    Error::new(Class::TlsRequired, tried, format!("the server has no TLS 1.2 or newer in common with us ({detail})"))
        .hint("the server needs an update: older TLS is broken and never used")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::net::Route;

    #[test]
    fn a_wrong_clock_is_blamed_and_nothing_is_pinned() {
        let der = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap().cert;
        let shown = Certificate::read(der.der());
        let endpoint = Endpoint { host: "localhost".into(), port: 993, security: Security::Tls, route: Route::Direct };
        let at = |why: Distrust, now| Refused::new(why, shown.clone(), true, now).explain(&endpoint).hints.join("\n");
        let early = at(Distrust::NotYet, 86_400);
        assert!(early.contains("clock of this machine is wrong: it says 1970-01-02") && !early.contains("pin"), "{early}");
        assert!(!at(Distrust::NotYet, BUILT).contains("clock"));
        assert!(at(Distrust::Issuer, 86_400).contains("pin = "), "an unknown issuer is not the clock's fault");
        assert_eq!(decimal(b"1767225600"), 1_767_225_600);
    }
}
