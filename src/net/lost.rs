//! What an I/O error of a standing connection means.

use std::io;

use rustls::AlertDescription as A;

use crate::model::error::{Class, Error};

use super::tunnel::Ended;

/// The house error for an I/O error on a [`Stream`](super::Stream) after it stood: `temporary` for a lost connection
/// or a broken TLS record, `protocol` for damaged compressed data, `tls-verify` where the server refuses our client certificate (TLS 1.3
/// servers say so only after the handshake).
pub fn lost(tried: impl Into<String>, cause: io::Error) -> Box<Error> {
    use io::ErrorKind as K;
    if let Some(ended) = Ended::of(&cause) {
        return ended.explain(tried);
    }
    let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let error = match (tls, cause.kind()) {
        (Some(rustls::Error::AlertReceived(alert)), _) if about_our_certificate(*alert) => {
            Error::new(Class::TlsVerify, tried, format!("the server refuses our client certificate, or wants one ({alert:?})"))
                .hint("set the client certificate and key: tls = { cert = \"…\", key = \"…\" }")
        }
        (Some(inner), _) => Error::new(Class::Temporary, tried, format!("the TLS connection broke: {inner}")),
        (None, K::InvalidData) => Error::new(Class::Protocol, tried, cause.to_string()),
        (None, K::UnexpectedEof) => Error::new(Class::Temporary, tried, "the server closed the connection in the middle"),
        _ => Error::new(Class::Temporary, tried, format!("the connection was lost: {cause}")),
    };
    error.because(cause)
}

/// Alerts by which a server asks for, or refuses, a client certificate.
pub(super) fn about_our_certificate(alert: A) -> bool {
    matches!(
        alert,
        A::CertificateRequired
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
    )
}
