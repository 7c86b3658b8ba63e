//! The way to the server: every request of a session, and what it says of us.

mod cookies;
mod negotiate;
mod recover;
mod refusal;
mod relocate;

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
use crate::model::{Class, Error, Event, ExposeSecret as _, Fate, Result, Secret, SecretKind, SecretString};
use crate::net::Limits;
use crate::net::http::{Answer, Http, Method, Request, Upload};
use crate::wire::eas::{Command, CommandSet, DeviceId, DeviceType, EasError, Query, Version, retry_after};
use crate::wire::wbxml::Tag;

use super::device::Device;
use super::{EasBackend, limits};

use cookies::Cookies;
use relocate::is_trusted;

pub(super) use recover::Tries;
pub(super) use refusal::{answered, cut};

/// The kind of device that we are.
const DEVICE_TYPE: &str = "mailx";
/// Who we are; servers may block a device that changes it often.
pub(super) const USER_AGENT: &str = concat!("mailx/", env!("CARGO_PKG_VERSION"));
/// What bodies are.
const WBXML: &str = "application/vnd.ms-sync.wbxml";

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
    cookies: Cookies,
    hops: u32,
    greeted: bool,
    /// The last request was sent, and nothing was heard of it.
    pub unanswered: bool,
    /// The server wants everything of before forgotten (X-MS-RP).
    pub reset: bool,
    /// The listings from nothing that this session made, by folder.
    pub epochs: HashMap<String, u64>,
    /// Pages in a row that got a listing no further and promised more, by folder: how many, and what the last one told of.
    pub idle_pages: HashMap<String, (u32, u64)>,
    /// Messages listed from nothing, and about how many there will be; 0 where nobody wants to know.
    pub listing: (u64, u64),
    /// Folders that were looked into in a rehearsal.
    pub rehearsed: HashSet<String>,
}

/// One request.
pub(super) struct Ask {
    pub command: Command,
    pub body: Upload,
    /// What the body is.
    pub kind: &'static str,
    /// A message that is sent as it is: a copy goes to Sent Items.
    pub save_in_sent: bool,
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
    pub fn new(command: Command, body: impl Into<Upload>) -> Self {
        let body = body.into();
        Self {
            command,
            body,
            kind: WBXML,
            save_in_sent: false,
            multipart: false,
            policy_key: None,
            work: true,
            wait: None,
            most: limits::ANSWER,
        }
    }
}

impl Link {
    pub async fn new(backend: EasBackend, ctx: Ctx, secret: Secret) -> Result<Self> {
        let device = Device::recall(&*ctx.memory, &backend.seed()).await?;
        let internal = |e: EasError| Error::new(Class::Internal, "name this device", e.to_string());
        let (device_id, device_type) = (DeviceId::new(&device.id).map_err(internal)?, DeviceType::new(DEVICE_TYPE).map_err(internal)?);
        let http = Http::new(backend.endpoint.route.clone(), &backend.tls, Limits::within(ctx.silence), ctx.meter.clone())?;
        let home = backend.url()?;
        let moved = device.url.as_deref().and_then(|url| Url::parse(url).ok()).filter(|url| is_trusted(&home, url));
        let url = moved.unwrap_or(home);
        let version = device.version().unwrap_or(Version::V14_1);
        let cookies = Cookies::to(&url, &backend.user);
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
            url,
            cookies,
            hops: 0,
            greeted: false,
            unanswered: false,
            reset: false,
            epochs: HashMap::new(),
            listing: (0, 0),
            rehearsed: HashSet::new(),
            idle_pages: HashMap::new(),
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

    /// Sends a request until the server has carried it out; does on the way what it wants done first, each once. The answer has the status 200.
    ///
    /// An error of which [`answered`] tells a status is a refusal of the web server.
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
        let (mut waits, mut renewed, mut respelled) = (0, false, false);
        loop {
            let answer = self.once(method, ask).await?;
            self.cookies.keep(&answer);
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
                401 if !renewed => match self.ctx.credentials.renewed(&self.secret).await? {
                    Some(secret) => (self.secret, renewed) = (secret, true),
                    None => return Ok(answer),
                },
                // Which spelling of the query it takes, the first command finds out; an account keeps to it.
                400 | 501 if ask.is_some() && !respelled && self.device.is_new() => {
                    (self.device.base64, respelled) = (!self.device.base64, true);
                }
                400 | 501 if respelled => {
                    self.device.base64 = !self.device.base64;
                    return Ok(answer);
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
        let cookies = self.cookies.header();
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let key = ask.and_then(|ask| ask.policy_key).or_else(|| self.device.policy.as_ref().map(|policy| policy.key));
        let key_text = key.map(|key| key.to_string());
        let (mut body, mut silence, mut most) = (Upload::Whole(Bytes::new()), self.ctx.silence, 1 << 20);
        if let Some(ask) = ask {
            let query = Query {
                command: ask.command,
                version: self.version,
                device_id: &self.device_id,
                device_type: &self.device_type,
                locale: Query::ENGLISH,
                policy_key: key,
                parameters: &[],
                save_in_sent: ask.save_in_sent,
                accept_multipart: ask.multipart,
            };
            if self.device.base64 {
                let spelled = query.base64().map_err(|e| Error::new(Class::Internal, self.tried(ask.command), e.to_string()))?;
                url.set_query(Some(&spelled));
            } else {
                url.set_query(Some(&query.plain(&self.backend.user)));
                headers.push(("MS-ASProtocolVersion", self.version.text()));
                if let Some(key) = &key_text {
                    headers.push(("X-MS-PolicyKey", key));
                }
                if ask.multipart {
                    headers.push(("MS-ASAcceptMultiPart", "T"));
                }
            }
            if ask.body.octets() > 0 {
                headers.push(("Content-Type", ask.kind));
            }
            body = ask.body.clone();
            match ask.wait {
                Some(wait) => silence = wait,
                None if ask.work => silence *= common::WORK,
                None => {}
            }
            most = ask.most;
        }
        let request = Request { method, url: &url, headers: &headers, body, silence, most };
        self.unanswered = true;
        tokio::select! {
            biased;
            () = stopped(&self.ctx) => Err(Error::new(Class::Temporary, "work on the account", "the run was stopped").fate(Fate::NeedsUser)),
            answer = self.http.send(&request) => {
                self.unanswered = answer.is_err();
                answer
            }
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
