//! What the suite runs on. A new backend is one more entry: a name, how its server starts, a `Backend`, a back door.

use std::num::NonZeroU16;
use std::sync::Arc;

use mailx::backend::Backend;
use mailx::backend::eas::EasBackend;
use mailx::backend::imap::ImapBackend;
use mailx::backend::pop3::{self, Pop3Backend};
use mailx::model::Protocol;
use mailx::net::{Endpoint, Roots, Route, Security, TlsConnector, TlsSettings};

use crate::support::Server;

/// What Dovecot 2.3 announces after the login.
pub const EVERYTHING: &str = "SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS \
    THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE \
    QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE \
    SAVEDATE LITERAL+ NOTIFY SPECIAL-USE COMPRESS=DEFLATE QUOTA";

/// A server and a way to play it.
pub struct Target {
    /// Name, for words.
    pub name: String,
    /// What its backend speaks.
    pub protocol: Protocol,
    /// The server, which is its own back door.
    pub server: Server,
    /// What the server does not announce, and so must not be used.
    pub missing: Vec<String>,
    /// Masked on our side.
    pub disable: Vec<String>,
    /// Makes the backend for a user.
    pub backend: fn(&Server, &str) -> Arc<dyn Backend>,
}

impl Target {
    fn start(name: String, capability: Option<&str>, missing: &str, disable: &str) -> Option<Self> {
        // The wire, as the server sees it: what a poorer server does not know must not be sent.
        let rawlog = "protocol imap {\n  rawlog_dir = /%h/rawlog\n}\n";
        let mut options = vec![("EXTRA_CONF", rawlog)];
        options.extend(capability.map(|c| ("IMAP_CAPABILITY", c)));
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let (protocol, missing, disable) = (Protocol::Imap, list(missing), list(disable));
        Some(Self { name, protocol, server: Server::start(&options)?, missing, disable, backend: imap })
    }

    /// Its other door, with `without` masked on our side.
    pub fn pop3(without: &str) -> Option<Self> {
        let rawlog = "protocol pop3 {\n  rawlog_dir = /%h/rawlog\n}\n";
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Some(Self {
            name: format!("Dovecot's pop3d without {without}"),
            protocol: Protocol::Pop3,
            server: Server::start(&[("EXTRA_CONF", rawlog)])?,
            missing: list(without),
            disable: list(without),
            backend: pop3,
        })
    }

    /// ActiveSync of SOGo, with `without` masked on our side.
    pub fn sogo(without: &str) -> Option<Self> {
        let disable = without.split_whitespace().map(str::to_owned).collect();
        let (name, missing) = (format!("SOGo without {without}"), Vec::new());
        Some(Self { name, protocol: Protocol::ActiveSync, server: Server::sogo()?, missing, disable, backend: eas })
    }

    /// With all that it can.
    pub fn dovecot() -> Option<Self> {
        Self::start("Dovecot".into(), None, "", "")
    }

    /// A server that does not announce `without`.
    pub fn poorer(without: &str) -> Option<Self> {
        let missing: Vec<&str> = without.split(' ').collect();
        let rest: Vec<&str> = EVERYTHING.split_whitespace().filter(|name| !missing.contains(name)).collect();
        Self::start(format!("Dovecot without {without}"), Some(&format!("IMAP4rev1 {}", rest.join(" "))), without, "")
    }

    /// A server that announces `more`, too.
    pub fn with(more: &str) -> Option<Self> {
        Self::start(format!("Dovecot with {more}"), Some(&format!("IMAP4rev1 {EVERYTHING} {more}")), "", "")
    }

    /// A server that lets only small literals go out without asking.
    pub fn literal_minus() -> Option<Self> {
        let rest = EVERYTHING.replace("LITERAL+", "LITERAL-");
        Self::start("Dovecot with LITERAL-".into(), Some(&format!("IMAP4rev1 {rest}")), "", "")
    }

    /// Nothing but RFC 3501.
    pub fn bare() -> Option<Self> {
        Self::start("bare IMAP4rev1".into(), Some("IMAP4rev1"), EVERYTHING, "")
    }

    /// A server whose `without` is masked on our side.
    pub fn masked(without: &str) -> Option<Self> {
        Self::start(format!("Dovecot, {without} masked"), None, without, without)
    }

    /// Octets of a message that it says it takes.
    pub fn append_limit(&self) -> Option<u64> {
        self.name.split_once("APPENDLIMIT=").map(|(_, n)| n.parse().unwrap())
    }

    /// Whether the target offers an extension.
    pub fn has(&self, name: &str) -> bool {
        !self.missing.iter().any(|n| n == name)
    }
}

fn endpoint(server: &Server, port: &str) -> Endpoint {
    Endpoint { host: server.get("HOST").into(), port: server.port(port), security: Security::Tls, route: Route::Direct }
}

fn tls(server: &Server) -> TlsConnector {
    TlsConnector::new(TlsSettings { ca: Some(server.get("CA").into()), pin: None, cert: None, key: None, roots: Roots::Webpki })
}

fn pop3(server: &Server, user: &str) -> Arc<dyn Backend> {
    Arc::new(Pop3Backend {
        account: "test".into(),
        endpoint: endpoint(server, "POP3S_PORT"),
        tls: tls(server),
        user: user.into(),
        sasl: None,
        apop: false,
        mirror_deletions: false,
        most_octets: pop3::MOST_OCTETS,
        pace: pop3::Pace::default(),
    })
}

fn eas(server: &Server, user: &str) -> Arc<dyn Backend> {
    Arc::new(EasBackend {
        pace: Default::default(),
        account: "test".into(),
        endpoint: endpoint(server, "EAS_PORT"),
        path: None,
        tls: tls(server),
        user: user.into(),
        device_seed: format!("conformance of {user}"),
    })
}

fn imap(server: &Server, user: &str) -> Arc<dyn Backend> {
    Arc::new(ImapBackend {
        account: "test".into(),
        endpoint: endpoint(server, "IMAPS_PORT"),
        tls: tls(server),
        user: user.into(),
        sasl: None,
        connections: NonZeroU16::new(4).unwrap(),
    })
}
