//! PEM files of ours: authorities, client certificate, key.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::TlsSettings;
use crate::model::error::{Class, Error, Result};
use crate::net::limits;

/// All certificates of a PEM file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let tried = format!("read the certificates in {}", path.display());
    let (pem, _) = read(path, &tried)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|cause| Error::new(Class::Config, &tried, format!("it is damaged: {cause}")))?;
    if found.is_empty() {
        return Err(
            Error::new(Class::Config, tried, "there is no certificate in it").hint("a PEM file is wanted: -----BEGIN CERTIFICATE-----")
        );
    }
    Ok(found)
}

/// Our certificate chain and key, where set.
pub(super) fn client_certificate(settings: &TlsSettings) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
    match (&settings.cert, &settings.key) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::new(Class::Config, "load the client certificate", "there is a key and no certificate")
            .hint("set both: tls = { cert = \"…\", key = \"…\" }")),
        (Some(cert), key) => Ok(Some((certificates(cert)?, private_key(key.as_deref().unwrap_or(cert))?))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let tried = format!("read the key in {}", path.display());
    let (pem, mode) = read(path, &tried)?;
    if mode & 0o077 != 0 {
        return Err(Error::new(Class::Config, tried, format!("others may read it (mode {:03o})", mode & 0o777))
            .hint(format!("chmod 600 {}", path.display())));
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|cause| {
        // The cause is not quoted: it may hold a piece of the key.
        let encrypted = memchr::memmem::find(&pem, b"ENCRYPTED").is_some();
        let why = if encrypted { "it is encrypted, which is not supported" } else { "there is no usable key in it" };
        drop(cause);
        Error::new(Class::Config, &tried, why).hint("an unencrypted PEM file is wanted: -----BEGIN PRIVATE KEY-----")
    })
}

/// The octets and the mode of one and the same file.
fn read(path: &Path, tried: &str) -> Result<(Zeroizing<Vec<u8>>, u32)> {
    let failed = |cause: std::io::Error| Error::new(Class::Config, tried, cause.to_string()).because(cause);
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(Error::new(Class::Config, tried, "it is not a file"));
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(meta.len().min(limits::PEM_FILE) as usize + 1));
    file.take(limits::PEM_FILE).read_to_end(&mut octets).map_err(failed)?;
    Ok((octets, meta.permissions().mode()))
}
