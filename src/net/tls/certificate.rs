//! A certificate in words.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

use crate::wire::hex;

/// Names shown of a certificate that is valid for many.
const NAMES_SHOWN: usize = 8;
/// Characters kept of a name or an issuer: a certificate may hold tens of thousands.
const KEPT: usize = 256;

/// What a person wants to know of a certificate. Its words are the server's: not sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Hosts that it is valid for (subject alternative names; the common name does not count).
    pub names: Vec<String>,
    /// Subject's common name, or the whole subject.
    pub subject: String,
    /// Issuer's common name and organisation.
    pub issuer: String,
    /// True when subject and issuer are the same.
    pub self_signed: bool,
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// Seconds since 1970 until which it is valid.
    pub not_after: i64,
    /// SHA-256 of the certificate.
    pub sha256: [u8; 32],
    /// SHA-256 of its public key (SPKI); survives a renewal with the same key.
    pub spki_sha256: [u8; 32],
}

impl Certificate {
    /// Reads a DER certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        let names = match x509.subject_alternative_name() {
            Ok(Some(san)) => san.value.general_names.iter().filter_map(host).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            names,
            subject: words(x509.subject()),
            issuer: words(x509.issuer()),
            self_signed: x509.subject().as_raw() == x509.issuer().as_raw(),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            sha256: Sha256::digest(der).into(),
            spki_sha256: Sha256::digest(x509.public_key().raw).into(),
        })
    }

    /// The setting that pins this certificate: `sha256:…`.
    pub fn pin(&self) -> String {
        format!("sha256:{}", hex(&self.sha256))
    }

    /// The hosts that it is valid for, in words.
    pub(super) fn valid_for(&self) -> String {
        match self.names.len() {
            0 => "no host at all (it has no subject alternative name)".into(),
            n if n > NAMES_SHOWN => format!("{} and {} more", self.names[..NAMES_SHOWN].join(", "), n - NAMES_SHOWN),
            _ => self.names.join(", "),
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = if self.self_signed { "itself" } else { &self.issuer };
        let name = self.names.first().unwrap_or(&self.subject);
        let until = day(self.not_after);
        write!(f, "certificate of {name}, issued by {issuer}, valid until {until}, SHA-256 {}", hex(&self.sha256))
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.chars().take(KEPT).collect()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(|o| IpAddr::from(Ipv4Addr::from(o)));
            let v6 = <[u8; 16]>::try_from(*octets).map(|o| IpAddr::from(Ipv6Addr::from(o)));
            v4.or(v6).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

/// `Example CA (Example Ltd)`.
fn words(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|a| a.as_str().ok());
    let organisation = name.iter_organization().next().and_then(|a| a.as_str().ok());
    let words = match (common, organisation) {
        (Some(common), Some(organisation)) if common != organisation => format!("{common} ({organisation})"),
        (Some(one), _) | (None, Some(one)) => one.to_string(),
        (None, None) => name.to_string(),
    };
    words.chars().take(KEPT).collect()
}

/// `2027-01-31`.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "an unreadable date".into(), |t| t.strftime("%Y-%m-%d").to_string())
}
