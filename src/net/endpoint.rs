//! Where to connect, by which way, and how it is protected.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use url::{Host, Url};

use crate::model::error::{Class, Error, Result};

/// A server and the way to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Host name or IP address; also the name that the certificate must be valid for.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub security: Security,
    /// Way.
    pub route: Route,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first octet (RFC 8314).
    Tls,
    /// TLS after the protocol's own command; the backend calls [`Stream::start_tls`](super::Stream::start_tls).
    StartTls,
    /// None: only by explicit setting.
    Clear,
}

/// The way to a server.
#[derive(Debug, Clone, Default)]
pub enum Route {
    /// Our own lookup and TCP connection.
    #[default]
    Direct,
    /// A SOCKS5 proxy (RFC 1928, 1929); it looks the server's name up.
    Socks5 {
        /// Proxy's host.
        host: String,
        /// Proxy's port.
        port: u16,
        /// User and password for the proxy.
        login: Option<Login>,
    },
    /// An HTTP proxy that knows CONNECT (RFC 9110 §9.3.6); it looks the server's name up.
    Http {
        /// Proxy's host.
        host: String,
        /// Proxy's port.
        port: u16,
        /// User and password for the proxy.
        login: Option<Login>,
    },
    /// A command whose standard input and output are the connection: program, then arguments. No shell reads it.
    Tunnel(Vec<String>),
    /// A socket of this machine; host and port say nothing.
    Socket(PathBuf),
}

/// User and password for a proxy. Debug output hides the password.
#[derive(Debug, Clone)]
pub struct Login {
    /// User.
    pub user: String,
    /// Password; may be empty.
    pub password: SecretString,
}

impl Endpoint {
    /// `host:port`, with brackets around an IPv6 address; the path of a socket.
    pub fn address(&self) -> String {
        if let Route::Socket(path) = &self.route {
            return path.display().to_string();
        }
        address(&self.host, self.port)
    }

    /// The words for [`Error::tried`].
    pub fn tried(&self) -> String {
        format!("connect to {}{}", self.address(), self.route)
    }

    /// The same once the connection stands and the login is through.
    pub fn spoken(&self) -> String {
        format!("talk to {}{}", self.address(), self.route)
    }
}

impl Route {
    /// Reads `socks5://[user:password@]host[:port]` or `http://[user:password@]host[:port]`; `socks5h` is the same as
    /// `socks5`. Ports default to 1080 and 8080. The error never quotes the text: it may hold a password.
    pub fn parse_proxy(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::new(Class::Config, "read the proxy setting", why)
                .hint("write it as \"socks5://host:1080\" or \"http://user:password@host:8080\"")
        };
        let url = Url::parse(text).map_err(|cause| wrong(&format!("it is no URL: {cause}")))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("something follows host and port"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => decode(name),
            Some(Host::Ipv4(ip)) => Some(ip.to_string()),
            Some(Host::Ipv6(ip)) => Some(ip.to_string()),
            _ => None,
        };
        let host = host.ok_or_else(|| wrong("it names no host"))?;
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let user = decode(user).ok_or_else(|| wrong("the user name is not UTF-8"))?;
                let password = decode(password.unwrap_or_default()).ok_or_else(|| wrong("the password is not UTF-8"))?;
                Some(Login { user, password: password.into() })
            }
        };
        match url.scheme() {
            "socks5" | "socks5h" => Ok(Self::Socks5 { host, port: url.port().unwrap_or(1080), login }),
            // `Url` drops port 80 of http as the default one, so no port and :80 look the same; see the text.
            "http" => {
                let port = url.port().unwrap_or(if text.trim_end_matches('/').ends_with(":80") { 80 } else { 8080 });
                Ok(Self::Http { host, port, login })
            }
            "https" => Err(wrong("TLS to the proxy itself is not supported")),
            other => Err(wrong(&format!("unknown kind of proxy \"{other}\""))),
        }
    }
}

/// ` through …`, or nothing for the direct way; never the proxy's login.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct | Self::Socket(_) => Ok(()),
            Self::Socks5 { host, port, .. } => write!(f, " through the SOCKS5 proxy {}", address(host, *port)),
            Self::Http { host, port, .. } => write!(f, " through the HTTP proxy {}", address(host, *port)),
            Self::Tunnel(argv) => write!(f, " through the tunnel command {}", argv.first().map_or("(none)", String::as_str)),
        }
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Undoes %XX.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
