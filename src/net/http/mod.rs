//! HTTPS for protocols that live on it. Keeps connections alive, speaks HTTP/2 where the server does, and follows nothing: redirects,
//! logins and cookies are the caller's to judge.
//!
//! Trust, pin and client certificate are the account's [`TlsConnector`]. Answers come in pieces, unpacked where they are gzip, and bounded by what
//! comes out. Nothing is ever sent twice on its own.

mod body;
mod explain;
mod floor;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Proxy, redirect, retry};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;
use url::Url;

use super::endpoint::{Login, Route, address};
use super::{Limits, Meter, TlsConnector, limits};
use crate::model::error::{Class, Error, Result};
use body::Body;
use explain::Place;
pub use upload::{Pieces, Upload};

/// An account's client. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    route: Route,
    limits: Limits,
    meter: Arc<Meter>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// What the server can do.
    Options,
    /// Sends the body.
    Post,
}

/// A request. Debug output hides the headers: one of them is the login.
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Where; `https` only.
    pub url: &'a Url,
    /// All of them but for those of the transport.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body; whoever asks again sends it again octet for octet.
    pub body: Upload,
    /// How long the server may be silent: before the head of the answer, and between two pieces of it.
    pub silence: Duration,
    /// The most octets that the answer's body may have, unpacked.
    pub most: u64,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// An answer whose head is here.
#[derive(Debug)]
pub struct Answer {
    /// The status; of any class.
    pub status: u16,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    /// The first header of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers of this name that are text, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The next piece of the body, never empty; `None` at its end, which is the one that the server announced.
    ///
    /// Errors: `temporary` for a lost connection, silence, or less than a trickle; `protocol` for damaged compression, and for a body that is longer than
    /// [`Request::most`] or that unpacks to far more than was sent.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.body.chunk().await
    }
}

impl Http {
    /// A client by these settings. Files are read now, nothing is sent.
    ///
    /// Errors: `config` for unusable TLS files, and for a tunnel command, which carries one connection and not a client.
    pub fn new(route: Route, tls: &TlsConnector, limits: Limits, meter: Arc<Meter>) -> Result<Self> {
        let mut config = (*tls.config()?).clone();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(limits.connect + limits.handshake)
            .tcp_keepalive(limits::KEEPALIVE)
            .http2_max_header_list_size(limits::HTTP_HEAD);
        // Only the account's settings say which way to go, not the environment.
        let client = match proxy(&route)? {
            Some(proxy) => client.no_proxy().proxy(proxy),
            None => client.no_proxy(),
        };
        let client = client.build().map_err(|cause| Error::new(Class::Internal, "set up HTTPS", cause.to_string()).because(cause))?;
        Ok(Self { client, route, limits, meter })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// Errors: `unavailable` as long as no connection stood, `tls-verify`, `tls-required`, then `temporary`; `protocol` for what is no HTTP;
    /// `config` for a header that cannot be sent or an address that is not `https`. Dropping the future drops the request, which the server may
    /// have carried out all the same.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer> {
        let place = Place::of(request.url, &self.route)?;
        let mut headers = headers(request.headers)
            .ok_or_else(|| Error::new(Class::Config, place.tried(), "a header has a character that none may have"))?;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let method = match request.method {
            Method::Options => reqwest::Method::OPTIONS,
            Method::Post => reqwest::Method::POST,
        };
        let octets = request.body.octets();
        if let Upload::Streamed { .. } = &request.body {
            // Without it the body would go in chunks, which some servers of old do not take.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(octets));
        }
        let sent = head_octets(&headers) + request.url.as_str().len() + usize::try_from(octets).unwrap_or(usize::MAX / 2);
        let answer = self.client.request(method, request.url.clone()).headers(headers).body(request.body.start()).send();
        let patience = request.silence + self.limits.connect + upload_time(octets);
        self.meter.sent(sent);
        let answer = timeout(patience, answer).await.map_err(|_| place.silent(patience))?.map_err(|cause| place.failed(cause))?;
        self.meter.received(head_octets(answer.headers()));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = Body::new(answer, place, request.silence, request.most, self.meter.clone())?;
        Ok(Answer { status, headers, body })
    }
}

/// How long a body may take to go out, at the slowest rate that is borne.
fn upload_time(octets: u64) -> Duration {
    Duration::from_secs(octets / limits::HTTP_UPLOAD_FLOOR)
}

/// About the octets of a head in HTTP/1.1; HTTP/2 packs it.
fn head_octets(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

fn headers(all: &[(&'static str, &str)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        let mut value = HeaderValue::from_str(value).ok()?;
        // Kept out of debug output and of HTTP/2's compression table.
        value.set_sensitive(name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie"));
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(headers)
}

fn proxy(route: &Route) -> Result<Option<Proxy>> {
    let (scheme, host, port, login) = match route {
        Route::Direct => return Ok(None),
        // h: the proxy looks the name up.
        Route::Socks5 { host, port, login } => ("socks5h", host, *port, login),
        Route::Http { host, port, login } => ("http", host, *port, login),
        Route::Tunnel(_) | Route::Socket(_) => {
            return Err(Error::new(Class::Config, "set up HTTPS", "a tunnel command cannot carry HTTPS")
                .hint("use a proxy: proxy = \"socks5://…\""));
        }
    };
    let wrong = || Error::new(Class::Config, "set up HTTPS", format!("\"{}\" is no proxy", address(host, port)));
    let mut url = Url::parse(&format!("{scheme}://{}", address(host, port))).map_err(|_| wrong())?;
    if let Some(Login { user, password }) = login {
        url.set_username(user).map_err(|()| wrong())?;
        url.set_password(Some(password.expose_secret())).map_err(|()| wrong())?;
    }
    Proxy::all(url).map(Some).map_err(|_| wrong())
}
