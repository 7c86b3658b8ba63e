//! What a failure of HTTP means, for people.

use std::error::Error as Cause;
use std::io;
use std::time::Duration;

use url::Url;

use crate::model::error::{Class, Error, Result};
use crate::net::{Endpoint, Route, Security, dial::seconds, tls};

/// Where a request goes: for words, and for what is wrong with a certificate.
#[derive(Debug, Clone)]
pub(super) struct Place {
    endpoint: Endpoint,
}

impl Place {
    /// Fails with `config` unless the address is `https` and names a host.
    pub(super) fn of(url: &Url, route: &Route) -> Result<Self> {
        let host = url.host_str().filter(|_| url.scheme() == "https");
        let host = host.ok_or_else(|| Error::new(Class::Config, format!("ask {url}"), "the address is not https"))?;
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Self { endpoint: Endpoint { host: host.to_owned(), port, security: Security::Tls, route: route.clone() } })
    }

    /// The words for [`Error::tried`].
    pub(super) fn tried(&self) -> String {
        self.endpoint.tried()
    }

    /// The server broke the rules.
    pub(super) fn broke(&self, how: &str) -> Box<Error> {
        Error::new(Class::Protocol, self.tried(), how)
    }

    /// The server said nothing for too long.
    pub(super) fn silent(&self, limit: Duration) -> Box<Error> {
        Error::new(Class::Temporary, self.tried(), format!("the server was silent for {}", seconds(limit)))
    }

    /// The server sends almost nothing.
    pub(super) fn stalled(&self) -> Box<Error> {
        Error::new(Class::Temporary, self.tried(), "the server sends so slowly that the answer would never end")
    }

    /// A request or its answer failed.
    pub(super) fn failed(&self, cause: reqwest::Error) -> Box<Error> {
        if let Some(refused) = find::<rustls::Error>(&cause) {
            let error = tls::refused(&self.endpoint, refused.clone());
            // After the handshake it is the connection that broke.
            return if cause.is_connect() { error } else { crate::net::lost(self.tried(), io::Error::other(cause)) };
        }
        // Its own words repeat the address, with the user's name in it.
        let cause = cause.without_url();
        let why = innermost(&cause);
        if cause.is_connect() {
            let why = if cause.is_timeout() { "no connection in time".to_owned() } else { why };
            return Error::new(Class::Unavailable, self.tried(), why)
                .hint("check the host name and the port, and that this machine is online")
                .because(cause);
        }
        if find::<hyper::Error>(&cause).is_some_and(hyper::Error::is_parse) {
            return self.broke(&format!("the server's answer is no HTTP: {why}")).because(cause);
        }
        Error::new(Class::Temporary, self.tried(), format!("the connection was lost: {why}")).because(cause)
    }

    /// Unpacking failed: because the connection did, or because of what came.
    pub(super) fn unpacking(&self, cause: io::Error) -> Box<Error> {
        let damaged = |why: &str| self.broke(&format!("the compressed data is damaged{why}"));
        let Some(inner) = cause.into_inner() else { return damaged("") };
        match inner.downcast::<reqwest::Error>() {
            Ok(lost) => self.failed(*lost),
            Err(why) => damaged(&format!(": {why}")),
        }
    }
}

/// The first cause of this type; some hide in I/O errors.
fn find<'a, T: Cause + 'static>(cause: &'a (dyn Cause + 'static)) -> Option<&'a T> {
    let mut next = Some(cause);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map_or_else(|| cause.source(), |inner| Some(inner as &(dyn Cause + 'static)));
    }
    None
}

/// The words of the last cause, which says most.
fn innermost(cause: &dyn Cause) -> String {
    let mut last = cause;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
