//! The way to the server: every request of a session, what it says of us, and what the web server may answer instead of the protocol.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::time::sleep;
use url::Url;

use crate::backend::auth::Login;
use crate::backend::{Ctx, limits as common};
use crate::model::event::Step;
use crate::model::{Class, Error, Event, ExposeSecret as _, Fate, Result, Scope, Secret, SecretKind, SecretString};
use crate::net::Limits;
use crate::net::http::{Answer, Http, Method, Request};
use crate::wire::eas::{
    Command, CommandSet, DeviceId, DeviceType, EasError, HttpStatus, Known as _, Query, Remedy, Status, Version, retry_after,
};
use crate::wire::wbxml::Tag;

use super::device::Device;
use super::{EasBackend, limits};

/// Where ActiveSync lives unless the URL says otherwise.
const PATH: &str = "/Microsoft-Server-ActiveSync";
/// The kind of device that we are.
const DEVICE_TYPE: &str = "mailx";
/// Who we are; servers may block a device that changes it often.
pub(super) const USER_AGENT: &str = concat!("mailx/", env!("CARGO_PKG_VERSION"));
/// What bodies are.
const WBXML: &str = "application/vnd.ms-sync.wbxml";

/// The cause of an error: the web server's status, not the protocol's.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("HTTP {0}")]
pub(super) struct Answered(pub u16);

/// The web server's status that is the cause of an error.
pub(super) fn answered(error: &Error) -> Option<u16> {
    error.source.as_ref().and_then(|cause| cause.downcast_ref::<Answered>()).map(|cause| cause.0)
}

/// One way to the server.
pub(super) struct Link {
    pub backend: EasBackend,
    pub ctx: Ctx,
    pub device: Device,
    pub version: Version,
    pub commands: CommandSet,
    http: Http,
    secret: Secret,
    device_id: DeviceId,
    device_type: DeviceType,
    url: Url,
    cookies: Vec<(String, String)>,
    hops: u32,
    greeted: bool,
    /// The server wants everything of before forgotten (X-MS-RP).
    pub reset: bool,
    /// The listings from nothing that this session made, by folder.
    pub epochs: HashMap<String, u64>,
    /// Pages in a row that brought nothing and promised more, by folder.
    pub empty_pages: HashMap<String, u32>,
    /// Folders that were looked into in a rehearsal.
    pub rehearsed: HashSet<String>,
}

/// One request.
pub(super) struct Ask {
    pub command: Command,
    pub body: Vec<u8>,
    /// The answer may have several parts.
    pub multipart: bool,
    /// Instead of the key that is known.
    pub policy_key: Option<u32>,
    /// The server has to work for it.
    pub work: bool,
    /// The server answers when it likes, within this time.
    pub wait: Option<Duration>,
    /// Octets of the answer.
    pub most: u64,
}

impl Ask {
    pub fn new(command: Command, body: Vec<u8>) -> Self {
        Self { command, body, multipart: false, policy_key: None, work: true, wait: None, most: limits::ANSWER }
    }
}

/// What a command may cost before it is given up.
#[derive(Debug, Default)]
pub(super) struct Tries {
    pub waits: usize,
    pub provisions: u32,
    pub folder_syncs: u32,
    pub restarts: u32,
    pub versions: u32,
}

impl Link {
    pub async fn new(backend: EasBackend, ctx: Ctx, secret: Secret) -> Result<Self> {
        let device = Device::recall(&*ctx.memory, &backend.seed()).await?;
        let internal = |e: EasError| Error::new(Class::Internal, "name this device", e.to_string());
        let (device_id, device_type) = (DeviceId::new(&device.id).map_err(internal)?, DeviceType::new(DEVICE_TYPE).map_err(internal)?);
        let http = Http::new(backend.endpoint.route.clone(), &backend.tls, Limits::within(ctx.silence), ctx.meter.clone())?;
        let home = backend.url()?;
        let moved = device.url.as_deref().and_then(|url| Url::parse(url).ok()).filter(|url| is_trusted(&home, url));
        let version = device.version().unwrap_or(Version::V14_1);
        let commands = CommandSet::from_header(&device.commands);
        Ok(Self {
            backend,
            ctx,
            device,
            version,
            commands,
            http,
            secret,
            device_id,
            device_type,
            url: moved.unwrap_or(home),
            cookies: Vec::new(),
            hops: 0,
            greeted: false,
            reset: false,
            epochs: HashMap::new(),
            rehearsed: HashSet::new(),
            empty_pages: HashMap::new(),
        })
    }

    pub async fn remember(&self) -> Result<()> {
        self.device.remember(&*self.ctx.memory).await
    }

    /// The words for [`Error::tried`].
    pub fn tried(&self, command: Command) -> String {
        format!("ask {} for {}", self.backend.endpoint.address(), command.name())
    }

    pub fn login(&self) -> Login<'_> {
        Login { account: &self.backend.account, user: &self.backend.user, endpoint: &self.backend.endpoint, sasl: None }
    }

    /// The server broke the rules.
    pub fn broke(&self, command: Command, how: impl std::fmt::Display) -> Box<Error> {
        Error::new(Class::Protocol, self.tried(command), format!("the server's answer is not what it must be: {how}"))
    }

    pub fn note(command: Command) -> impl FnMut(Tag) {
        move |tag| tracing::debug!(command = command.name(), %tag, "an element that is not known was left out")
    }

    /// Asks which versions the server speaks, and chooses one. A server that does not say keeps the one that is known.
    pub async fn options(&mut self) -> Result<()> {
        let mut answer = self.post(Method::Options, None).await?;
        if answer.status != 200 {
            return Err(self.refused(Command::FolderSync, answer).await);
        }
        let (versions, commands) = (answer.header("MS-ASProtocolVersions"), answer.header("MS-ASProtocolCommands"));
        let offered = versions.map(|text| text.split(',').filter(|v| !self.masked(v.trim())).collect::<Vec<_>>().join(","));
        let best = match &offered {
            Some(offered) => Version::best(offered).ok_or_else(|| {
                let failed = format!("it speaks ActiveSync {offered}, and mailx speaks 12.1 to 16.1");
                Error::new(Class::Protocol, self.tried_url(), failed).scope(Scope::Account)
            })?,
            None => self.device.version().ok_or_else(|| {
                Error::new(Class::Protocol, self.tried_url(), "it does not say that it speaks ActiveSync")
                    .scope(Scope::Account)
                    .hint("check the host; ActiveSync may be at another path: eas://host/path")
            })?,
        };
        if let Some(commands) = commands {
            self.device.commands = commands.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ',').take(1000).collect();
        }
        let detail = format!("ActiveSync {best} (it offers {})", offered.unwrap_or_default());
        while answer.chunk().await?.is_some() {}
        if self.device.version() != Some(best) {
            self.device.version = Some(best.text().to_owned());
            self.remember().await?;
        }
        self.version = best;
        self.commands = CommandSet::from_header(&self.device.commands);
        self.ctx.observer.on(&Event::Reached { step: Step::Capabilities, detail: &detail });
        Ok(())
    }

    /// Whether something is to be treated as if the server did not offer it.
    pub fn masked(&self, name: &str) -> bool {
        self.ctx.disable.iter().any(|masked| masked == name)
    }

    fn tried_url(&self) -> String {
        format!("ask {}{} what it speaks", self.backend.endpoint.address(), self.url.path())
    }

    /// Sends a request until the server has carried it out; does on the way what it wants done first, each once. The answer has the status 200.
    ///
    /// An error whose cause is [`Answered`] is a refusal of the web server.
    pub async fn send(&mut self, ask: &Ask) -> Result<Answer> {
        let mut tries = Tries::default();
        loop {
            let answer = self.post(Method::Post, Some(ask)).await?;
            let refused = match answer.status {
                200 => return Ok(answer),
                _ => self.refused(ask.command, answer).await,
            };
            // A 403 may ask for Provision, too.
            let wants_policy = match answered(&refused) {
                Some(449) => true,
                Some(403) => self.device.policy.is_none(),
                _ => false,
            };
            if !wants_policy || tries.provisions > 0 {
                return Err(refused);
            }
            tries.provisions += 1;
            self.provision().await?;
        }
    }

    /// The same, with the whole body.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Bytes> {
        let answer = self.send(ask).await?;
        self.whole(ask.command, answer).await
    }

    /// Sends a request, over redirects and through pauses. The status is whatever it is.
    pub async fn post(&mut self, method: Method, ask: Option<&Ask>) -> Result<Answer> {
        let mut waits = 0;
        loop {
            let answer = self.once(method, ask).await?;
            self.keep_cookies(&answer);
            if !self.greeted {
                self.greeted = true;
                let detail = format!("HTTPS to {}", self.backend.endpoint.address());
                self.ctx.observer.on(&Event::Reached { step: Step::Tls, detail: &detail });
            }
            tracing::debug!(
                command = ask.map_or("OPTIONS", |ask| ask.command.name()),
                status = answer.status,
                request = answer.header("request-id"),
                backend = answer.header("X-BEServer"),
                "answer"
            );
            self.reset |= answer.header("X-MS-RP").is_some();
            match answer.status {
                451 => {
                    let to = answer.header("X-MS-Location").map(str::to_owned);
                    self.relocate(to.as_deref()).await?;
                }
                503 | 429 => {
                    let wait = pause(&answer).or_else(|| limits::PAUSES.get(waits).copied());
                    let throttle = answer.header("X-MS-ASThrottle").map(str::to_owned);
                    match wait {
                        Some(wait) if wait <= limits::PATIENCE && waits < limits::PAUSES.len() => self.rest(wait).await?,
                        _ => return Err(self.overloaded(wait, throttle)),
                    }
                    waits += 1;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn once(&mut self, method: Method, ask: Option<&Ask>) -> Result<Answer> {
        let mut url = self.url.clone();
        let mut headers: Vec<(&'static str, &str)> = vec![("User-Agent", USER_AGENT)];
        let authorization = self.authorization();
        headers.push(("Authorization", authorization.expose_secret()));
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let key = ask.and_then(|ask| ask.policy_key).or_else(|| self.device.policy.as_ref().map(|policy| policy.key));
        let key_text = key.map(|key| key.to_string());
        let (mut body, mut silence, mut most) = (Bytes::new(), self.ctx.silence, 1 << 20);
        if let Some(ask) = ask {
            let query = Query {
                command: ask.command,
                version: self.version,
                device_id: &self.device_id,
                device_type: &self.device_type,
                locale: Query::ENGLISH,
                policy_key: key,
                parameters: &[],
                save_in_sent: false,
                accept_multipart: ask.multipart,
            };
            url.set_query(Some(&query.plain(&self.backend.user)));
            headers.push(("MS-ASProtocolVersion", self.version.text()));
            if let Some(key) = &key_text {
                headers.push(("X-MS-PolicyKey", key));
            }
            if ask.multipart {
                headers.push(("MS-ASAcceptMultiPart", "T"));
            }
            if !ask.body.is_empty() {
                headers.push(("Content-Type", WBXML));
            }
            body = Bytes::from(ask.body.clone());
            match ask.wait {
                Some(wait) => silence = wait,
                None if ask.work => silence *= common::WORK,
                None => {}
            }
            most = ask.most;
        }
        let request = Request { method, url: &url, headers: &headers, body, silence, most };
        tokio::select! {
            biased;
            () = stopped(&self.ctx) => Err(Error::new(Class::Temporary, "work on the account", "the run was stopped").fate(Fate::NeedsUser)),
            answer = self.http.send(&request) => answer,
        }
    }

    fn authorization(&self) -> SecretString {
        let text = self.secret.text.expose_secret();
        match self.secret.kind {
            SecretKind::Token => format!("Bearer {text}"),
            SecretKind::Password => format!("Basic {}", STANDARD.encode(format!("{}:{text}", self.backend.user))),
        }
        .into()
    }

    /// Waits, unless the run is stopped.
    pub async fn rest(&self, wait: Duration) -> Result<()> {
        tokio::select! {
            () = self.ctx.cancel.cancelled() => {
                Err(Error::new(Class::Temporary, "work on the account", "the run was stopped while the server wanted to be left alone").fate(Fate::NeedsUser))
            }
            () = sleep(wait) => Ok(()),
        }
    }

    fn overloaded(&self, wait: Option<Duration>, throttle: Option<String>) -> Box<Error> {
        let wants = wait.map_or_else(String::new, |wait| format!("; it wants to be left alone for {} s", wait.as_secs()));
        let why = throttle.map_or_else(String::new, |why| format!(" ({})", cut(&why)));
        let failed = format!("the server is overloaded, or throttles this account{wants}{why}");
        Error::new(Class::Temporary, format!("work with {}", self.backend.endpoint.address()), failed)
            .scope(Scope::Account)
            .fate(wait.map_or(Fate::NeedsUser, Fate::After))
            .hint("try again later")
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else { continue };
            let fine = !name.is_empty() && pair.len() <= limits::COOKIE && pair.bytes().all(|b| (0x20..0x7f).contains(&b));
            self.cookies.retain(|(known, _)| known != name);
            if fine && !value.is_empty() && self.cookies.len() < limits::COOKIES {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The account is on another server (MS-ASHTTP 3.1.5.2.2). The password goes only to a host of the same domain, or to the service that many
    /// domains are moved to; over TLS that is verified, like everything here.
    async fn relocate(&mut self, to: Option<&str>) -> Result<()> {
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
        self.cookies.clear();
        self.remember().await
    }

    /// What a status other than 200 means; the body is quoted where it is text.
    pub async fn refused(&self, command: Command, mut answer: Answer) -> Box<Error> {
        let status = answer.status;
        let known = HttpStatus::from_code(status.into());
        let meaning = known.map_or("unexpected", HttpStatus::meaning);
        let location = answer.header("location").map(cut);
        let url = answer.header("X-MS-Credential-Service-Url").map(cut);
        // Reading to its end keeps the connection.
        let mut left = 64 << 10;
        while let Ok(Some(piece)) = answer.chunk().await {
            left -= (piece.len() as i64).min(left);
            if left == 0 {
                break;
            }
        }
        let error = |class, failed: String| Error::new(class, self.tried(command), failed).because(Answered(status));
        let said = format!("HTTP {status} ({meaning})");
        match status {
            401 => {
                let refusal = (self.secret.kind == SecretKind::Token).then_some("HTTP 401");
                self.login().refused(&said, refusal, "ActiveSync").because(Answered(status))
            }
            403 => error(Class::Auth, format!("the server does not let this user or device in: {said}"))
                .hint(format!("an administrator may have to allow the device {}", self.device.id))
                .hint("ActiveSync may be switched off for the account"),
            456 | 457 => {
                let error = error(Class::Auth, format!("the server refuses the account: {said}"));
                match url {
                    Some(url) => error.hint(format!("its page about it: {url}")),
                    None => error,
                }
            }
            404 => error(Class::Protocol, format!("there is no ActiveSync at {}: {said}", self.url.path()))
                .scope(Scope::Account)
                .hint("check the host; ActiveSync may be at another path: eas://host/path"),
            300..=399 => error(
                Class::Protocol,
                format!("the server sends us to {} instead of answering: {said}", location.as_deref().unwrap_or("another page")),
            )
            .scope(Scope::Account)
            .hint("a login page or a portal may stand between; check the network and the host"),
            507 => error(Class::Rejected, format!("the mailbox is full: {said}")).scope(Scope::Account).hint("free some space there"),
            429 | 500..=599 if status != 501 => error(Class::Temporary, format!("the server failed: {said}")),
            _ => error(Class::Protocol, format!("the server refuses the request: {said}")),
        }
    }

    /// Fails unless the answer holds what answers of the protocol hold.
    pub fn check_type(&self, command: Command, answer: &Answer) -> Result<()> {
        let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind.is_empty() || kind.starts_with("application/vnd.ms-sync") {
            return Ok(());
        }
        Err(self
            .broke(command, format!("it is {}, not ActiveSync", cut(&kind)))
            .scope(Scope::Account)
            .hint("a login page or a portal may stand between"))
    }

    /// The whole body.
    pub async fn whole(&mut self, command: Command, mut answer: Answer) -> Result<Bytes> {
        let mut all = BytesMut::new();
        let mut checked = false;
        while let Some(piece) = answer.chunk().await? {
            if !checked {
                self.check_type(command, &answer)?;
                checked = true;
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// A whole body that must not be empty.
    pub async fn owed(&mut self, ask: &Ask) -> Result<Bytes> {
        let body = self.ask(ask).await?;
        if body.is_empty() { Err(self.broke(ask.command, "it is empty")) } else { Ok(body) }
    }

    /// After a status that is no success: does what helps, so that the request can be sent again; or gives up.
    pub async fn recover<T: crate::wire::eas::Known>(&mut self, command: Command, status: Status<T>, tries: &mut Tries) -> Result<()> {
        let failed = |link: &Self, class| Error::new(class, link.tried(command), format!("the server answers {status}"));
        match status.remedy() {
            Remedy::Done => Ok(()),
            Remedy::Retry | Remedy::BackOff | Remedy::SendAll => match limits::PAUSES.get(tries.waits) {
                Some(pause) => {
                    tries.waits += 1;
                    self.rest(*pause).await
                }
                None => Err(failed(self, Class::Temporary).scope(Scope::Account).fate(Fate::NeedsUser).hint("try again later")),
            },
            Remedy::Provision if tries.provisions == 0 => {
                tries.provisions += 1;
                self.provision().await
            }
            Remedy::Renegotiate if tries.versions == 0 => {
                tries.versions += 1;
                self.options().await
            }
            Remedy::Provision => Err(failed(self, Class::Rejected)
                .scope(Scope::Account)
                .hint("the server does not accept a device that does not enforce its policy: see `mailx policy`")),
            Remedy::LogIn => Err(failed(self, Class::Auth)),
            Remedy::TellUser => Err(failed(self, Class::Rejected).scope(Scope::Account)),
            Remedy::Gone | Remedy::TakeTheirs | Remedy::Refuse | Remedy::DoWithout | Remedy::ObeyLimit => {
                Err(failed(self, Class::Rejected).scope(Scope::Folder))
            }
            Remedy::SyncFolders | Remedy::RestartFolders | Remedy::Restart | Remedy::RestartAll => {
                Err(failed(self, Class::Protocol).scope(Scope::Folder))
            }
            Remedy::Renegotiate | Remedy::Relocate | Remedy::Bug => Err(failed(self, Class::Protocol)),
        }
    }
}

/// Set some time after the run was stopped: what is on its way may end.
async fn stopped(ctx: &Ctx) {
    ctx.cancel.cancelled().await;
    sleep(common::STOPPED).await;
}

fn pause(answer: &Answer) -> Option<Duration> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs().cast_signed());
    retry_after(answer.header("Retry-After")?, now).map(|seconds| Duration::from_secs(seconds.max(1)))
}

/// What a server said, short enough to quote.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// HTTPS, a host, nobody's name in it.
fn is_sound(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str().is_some() && url.username().is_empty() && url.password().is_none()
}

/// Hosts that companies move their mailboxes to.
const SERVICES: [&str; 3] = ["outlook.com", "office365.com", "office.com"];

/// Whether the password for `home` may go to `url`.
fn is_trusted(home: &Url, url: &Url) -> bool {
    let (Some(from), Some(to)) = (home.host_str(), url.host_str()) else { return false };
    let within = |host: &str, domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    // The last two labels are more than one owner's in some places (co.uk): then only the host's own domain will do.
    let labels: Vec<&str> = from.split('.').collect();
    let domain = match labels.len() {
        0..=2 => from.to_owned(),
        n if labels[n - 1].len() == 2 && labels[n - 2].len() <= 3 && n == 3 => from.to_owned(),
        n if labels[n - 1].len() == 2 && labels[n - 2].len() <= 3 => labels[n - 3..].join("."),
        n => labels[n - 2..].join("."),
    };
    let is_name = |host: &str| host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    is_sound(url) && (from == to || (is_name(from) && is_name(to) && (within(to, &domain) || SERVICES.iter().any(|s| within(to, s)))))
}

impl EasBackend {
    /// Where the account lives unless its server says otherwise.
    pub(super) fn url(&self) -> Result<Url> {
        let text = format!("https://{}{}", self.endpoint.address(), self.path.as_deref().unwrap_or(PATH));
        Url::parse(&text).map_err(|e| Error::new(Class::Config, format!("use {text}"), e.to_string()))
    }

    fn seed(&self) -> String {
        format!("{}\n{}\n{}", self.device_seed, self.user, self.endpoint.address())
    }
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
