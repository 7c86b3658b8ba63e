//! Where the account is: its address, and the redirect to another server.

use url::Url;

use crate::model::{Class, Error, Result, Scope};

use super::super::{EasBackend, limits};
use super::Link;
use super::cookies::Cookies;
use super::refusal::cut;

/// Where ActiveSync lives unless the URL says otherwise.
const PATH: &str = "/Microsoft-Server-ActiveSync";

/// Hosts that companies move their mailboxes to.
const SERVICES: [&str; 3] = ["outlook.com", "office365.com", "office.com"];

impl Link {
    /// The account is on another server (MS-ASHTTP 3.1.5.2.2). The password goes only to a host of the same domain, or to the service that many
    /// domains are moved to; over TLS that is verified, like everything here.
    pub(super) async fn relocate(&mut self, to: Option<&str>) -> Result<()> {
        let tried = format!("follow the account to another server than {}", self.backend.endpoint.address());
        let Some(to) = to else {
            return Err(
                Error::new(Class::Protocol, tried, "the server says that the account is elsewhere, and not where").scope(Scope::Account)
            );
        };
        let home = self.backend.url()?;
        let url = Url::parse(to.trim()).ok().filter(is_sound);
        let Some(mut url) = url else {
            return Err(Error::new(Class::Protocol, tried, format!("the server sends us to no address for ActiveSync: {}", cut(to)))
                .scope(Scope::Account)
                .safe("no password was sent there"));
        };
        url.set_query(None);
        url.set_fragment(None);
        if !is_trusted(&home, &url) {
            return Err(Error::new(Class::Guard, tried, format!("the server says that the account is on {}", cut(&url[..])))
                .scope(Scope::Account)
                .safe("no password was sent there")
                .hint(format!(
                    "if that is right, write it into the configuration: receive = \"eas://{}\"",
                    url.host_str().unwrap_or_default()
                )));
        }
        self.hops += 1;
        if self.hops > limits::HOPS || url == self.url {
            return Err(Error::new(Class::Protocol, tried, "the servers send us round in a circle").scope(Scope::Account));
        }
        tracing::info!(%url, "the account is on another server");
        self.device.url = (url != home).then(|| url.to_string());
        self.url = url;
        // Of another host.
        self.cookies = Cookies::to(&self.url, &self.backend.user);
        self.remember().await
    }
}

impl EasBackend {
    /// Where the account lives unless its server says otherwise.
    pub(in crate::backend::eas) fn url(&self) -> Result<Url> {
        let text = format!("https://{}{}", self.endpoint.address(), self.path.as_deref().unwrap_or(PATH));
        Url::parse(&text).map_err(|e| Error::new(Class::Config, format!("use {text}"), e.to_string()))
    }

    pub(super) fn seed(&self) -> String {
        format!("{}\n{}\n{}", self.device_seed, self.user, self.endpoint.address())
    }
}

/// HTTPS, a host, nobody's name in it.
fn is_sound(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str().is_some() && url.username().is_empty() && url.password().is_none()
}

/// Whether this host is one of them.
pub(super) fn is_service(host: &str) -> bool {
    SERVICES.iter().any(|service| within(host, service))
}

fn within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether the password for `home` may go to `url`.
pub(super) fn is_trusted(home: &Url, url: &Url) -> bool {
    let (Some(from), Some(to)) = (home.host_str(), url.host_str()) else { return false };
    // The last two labels are more than one owner's in some places (co.uk): then only the host's own domain will do.
    let labels: Vec<&str> = from.split('.').collect();
    let domain = match labels.len() {
        0..=2 => from.to_owned(),
        n if labels[n - 1].len() == 2 && labels[n - 2].len() <= 3 && n == 3 => from.to_owned(),
        n if labels[n - 1].len() == 2 && labels[n - 2].len() <= 3 => labels[n - 3..].join("."),
        n => labels[n - 2..].join("."),
    };
    let is_name = |host: &str| host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    is_sound(url) && (from == to || (is_name(from) && is_name(to) && (within(to, &domain) || is_service(to))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_follows_only_to_the_same_owner_or_to_the_great_service() {
        let trusted = |from: &str, to: &str| is_trusted(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
        assert!(trusted("https://mail.example.org/", "https://eas2.example.org/Microsoft-Server-ActiveSync"));
        assert!(trusted("https://mail.example.org/", "https://example.org:444/"));
        assert!(trusted("https://mail.example.org/", "https://outlook.office365.com/Microsoft-Server-ActiveSync"));
        assert!(trusted("https://mail.example.co.uk/", "https://eas.example.co.uk/"));
        assert!(trusted("https://127.0.0.1:5000/", "https://127.0.0.1:5001/"));
        for (from, to) in [
            ("https://mail.example.org/", "https://example.net/"),
            ("https://mail.example.org/", "https://evilexample.org/"),
            ("https://mail.example.org/", "http://eas.example.org/"),
            ("https://mail.example.org/", "https://user@eas.example.org/"),
            ("https://mail.example.org/", "https://outlook.com.evil.test/"),
            ("https://example.co.uk/", "https://evil.co.uk/"),
            ("https://127.0.0.1/", "https://127.0.0.2/"),
            ("https://10.0.0.1/", "https://192.0.0.1/"),
        ] {
            assert!(!trusted(from, to), "{from} {to}");
        }
    }
}
