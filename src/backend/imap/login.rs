//! From nothing to an authenticated session: dial, TLS, greeting, capabilities, login.

use crate::backend::Ctx;
use crate::backend::auth::{self, Channel, Login};
use crate::model::event::Step;
use crate::model::{Class, Error, Event, ExposeSecret as _, Fate, Result, Secret};
use crate::net::{Limits, Security, dial};
use crate::wire::imap::{CANCEL, Code, Command, Response, Secret as WireSecret, Status, StatusKind, sasl_line};
use crate::wire::sasl::{Mechanism, SaslError};

use super::ImapBackend;
use super::capabilities::Capabilities;
use super::conn::{Connection, Event as Incoming};
use super::quirks;

/// What stands after the login.
pub(super) struct LoggedIn {
    pub conn: Connection,
    pub caps: Capabilities,
    pub quirks: quirks::Quirks,
    /// ENABLE UTF8=ACCEPT was sent, or the server speaks IMAP4rev2 only.
    pub utf8: bool,
}

struct Opening<'a> {
    backend: &'a ImapBackend,
    ctx: &'a Ctx,
    conn: Connection,
    caps: Capabilities,
    quirks: quirks::Quirks,
    greeting: String,
}

pub(super) async fn log_in(backend: &ImapBackend, ctx: &Ctx) -> Result<LoggedIn> {
    let secret = auth::secret(ctx).await?;
    let reached = |step, detail: &str| ctx.observer.on(&Event::Reached { step, detail });

    let stream = dial(&backend.endpoint, &backend.tls, &Limits::within(ctx.silence), ctx.meter.clone(), &*ctx.observer).await?;
    let conn = Connection::new(stream, backend.endpoint.tried(), ctx)?;
    let mut opening =
        Opening { backend, ctx, conn, caps: Capabilities::default(), quirks: quirks::Quirks::default(), greeting: String::new() };
    let preauth = opening.greet().await?;
    reached(Step::Greeting, &opening.greeting);
    if backend.endpoint.security == Security::StartTls {
        opening.start_tls(preauth).await?;
    }
    opening.learn_quirks();
    reached(Step::Capabilities, &opening.caps.list());
    if preauth {
        reached(Step::Login, "the connection was authenticated already");
    } else {
        let mechanism = opening.authenticate(&secret).await.map_err(auth::unanswered)?;
        reached(Step::Login, &format!("as {} by {mechanism}", backend.user));
        reached(Step::Capabilities, &format!("after login: {}", opening.caps.list()));
    }
    let Opening { mut conn, caps, quirks, .. } = opening;
    conn.pipe.tried = backend.endpoint.spoken();
    (conn.literal_max, conn.message_max) = (caps.literal_max(), caps.message_max());
    // Read before anything answers, so it costs no round trip. BAD or NO mean that names stay in modified UTF-7.
    let mut utf8 = caps.rev2_only();
    if caps.has("ENABLE") && caps.has("UTF8=ACCEPT") {
        conn.run(&Command::Enable(&["UTF8=ACCEPT"]), |response| {
            utf8 |= matches!(&response, Response::Enabled(names) if names.iter().any(|n| n == "UTF8=ACCEPT"));
        })
        .await?;
    }
    Ok(LoggedIn { conn, caps, quirks, utf8 })
}

impl<'a> Opening<'a> {
    fn set_caps(&mut self, names: Vec<String>) {
        let mut disabled: Vec<String> = self.ctx.disable.to_vec();
        disabled.extend(self.quirks.distrust.iter().map(|n| (*n).to_owned()));
        self.caps = Capabilities::new(names, &disabled);
    }

    fn learn_quirks(&mut self) {
        let (name, quirks) = quirks::of(&self.backend.endpoint.host, &self.greeting, &self.caps);
        if let Some(name) = name {
            tracing::debug!(server = name, "a server with quirks");
        }
        self.quirks = quirks;
        let names = self.caps.list().split(' ').map(str::to_owned).collect();
        self.set_caps(names);
    }

    /// Reads the greeting; true for PREAUTH.
    async fn greet(&mut self) -> Result<bool> {
        let greeting = self.conn.greeting().await?;
        self.greeting = greeting.text;
        let preauth = greeting.kind == StatusKind::PreAuth;
        if preauth && self.backend.endpoint.security == Security::StartTls {
            return Err(self.no_tls("the server says that we are logged in before TLS could start: an attack, or a broken server"));
        }
        if let Some(Code::Capability(names)) = greeting.code {
            self.set_caps(names);
        }
        if self.backend.endpoint.security == Security::StartTls || !self.caps.known() {
            self.ask_caps().await?;
        }
        Ok(preauth)
    }

    async fn ask_caps(&mut self) -> Result<()> {
        let mut names = Vec::new();
        let status = self
            .conn
            .run(&Command::Capability, |response| {
                if let Response::Capability(told) = response {
                    names = told;
                }
            })
            .await?;
        if status.kind != StatusKind::Ok {
            return Err(self.conn.broke(&format!("refused CAPABILITY: {}", status.text), &[]));
        }
        self.set_caps(names);
        Ok(())
    }

    fn no_tls(&self, failed: &str) -> Box<Error> {
        Error::new(Class::TlsRequired, self.backend.endpoint.tried(), failed)
            .safe("no password was sent")
            .hint("use imaps:// (TLS from the start, port 993)")
    }

    async fn start_tls(&mut self, preauth: bool) -> Result<()> {
        debug_assert!(!preauth, "refused by greet");
        if !self.caps.has("STARTTLS") {
            return Err(self.no_tls("the server offers no STARTTLS"));
        }
        let status = self.conn.run(&Command::StartTls, drop).await?;
        if status.kind != StatusKind::Ok {
            return Err(self.no_tls(&format!("the server refused STARTTLS: {}", status.text)));
        }
        let (backend, observer, limits) = (self.backend, &*self.ctx.observer, Limits::within(self.ctx.silence));
        self.conn.upgrade(|stream| async move { stream.start_tls(&backend.endpoint, &backend.tls, &limits, observer).await }).await?;
        // What was said in clear is worth nothing now.
        self.caps = Capabilities::default();
        self.ask_caps().await
    }

    async fn authenticate(&mut self, secret: &Secret) -> Result<Mechanism> {
        let login = self.login();
        self.conn.never_show(login.spellings(secret));
        let channel = Channel::of(self.conn.stream(), &self.backend.endpoint);
        let no_clear = self.caps.has("LOGINDISABLED") && !channel.encrypted;
        let offered = self.caps.mechanisms();
        let mechanism = login.choose(&offered, secret, &channel, no_clear)?;
        // LOGIN the command is LOGIN the mechanism without its two questions.
        let status = if mechanism == Mechanism::Login && !self.caps.has("AUTH=LOGIN") {
            let command = Command::Login { user: &self.backend.user, secret: WireSecret(secret.text.expose_secret().as_bytes()) };
            let caps = &mut Vec::new();
            let status = self.conn.run(&command, |r| keep_caps(r, caps)).await?;
            self.logged_in(&status, std::mem::take(caps), None)?;
            status
        } else {
            self.exchange(mechanism, &offered, secret, channel).await?
        };
        if !matches!(status.code, Some(Code::Capability(_))) && !self.caps.known() {
            self.ask_caps().await?;
        }
        Ok(mechanism)
    }

    fn login(&self) -> Login<'a> {
        let backend = self.backend;
        Login { account: &backend.account, user: &backend.user, endpoint: &backend.endpoint, sasl: backend.sasl }
    }

    async fn exchange(&mut self, mechanism: Mechanism, offered: &[String], secret: &Secret, channel: Channel) -> Result<Status> {
        let (mut exchange, mut initial) = self.login().begin(mechanism, offered, secret, channel)?;
        let with_command = if self.caps.has("SASL-IR") { initial.take() } else { None };
        let command = Command::Authenticate { mechanism: mechanism.name(), initial: with_command.as_deref().map(WireSecret) };
        let tag = self.conn.queue(&command)?;
        let mut caps = Vec::new();
        let mut broken: Option<SaslError> = None;
        loop {
            match self.conn.event().await? {
                Incoming::Response(Response::Continue { data, .. }) => {
                    if broken.is_some() {
                        return Err(self.conn.broke("goes on with a login that was given up", &[]));
                    }
                    let answer = match initial.take() {
                        Some(first) => Ok(first),
                        None => exchange.step(&data),
                    };
                    match answer {
                        Ok(answer) => self.conn.raw(&sasl_line(&answer)),
                        Err(error) => {
                            broken = Some(error);
                            self.conn.raw(CANCEL);
                        }
                    }
                }
                Incoming::Response(Response::Status(status)) if status.tag.as_deref() == Some(&tag) => {
                    if let Some(error) = &broken {
                        return Err(self.login().sasl_failed(error));
                    }
                    self.logged_in(&status, caps, exchange.refusal())?;
                    exchange.finished().map_err(|e| self.login().sasl_failed(&e))?;
                    return Ok(status);
                }
                Incoming::Response(response) => keep_caps(response, &mut caps),
                _ => return Err(self.conn.broke("sent a message before the login", &[])),
            }
        }
    }

    /// Judges the end of the login and takes the new capabilities.
    fn logged_in(&mut self, status: &Status, untagged: Vec<String>, refusal: Option<&str>) -> Result<()> {
        if status.kind != StatusKind::Ok {
            return Err(self.refused(status, refusal));
        }
        match &status.code {
            Some(Code::Capability(names)) => self.set_caps(names.clone()),
            _ if !untagged.is_empty() => self.set_caps(untagged),
            // Not told: what was offered before the login may be less than there is now.
            _ => self.caps = Capabilities::default(),
        }
        Ok(())
    }

    /// Names the cause of a refused login as far as it can be known (RFC 5530).
    fn refused(&self, status: &Status, refusal: Option<&str>) -> Box<Error> {
        let code = match &status.code {
            Some(Code::Other { name, .. }) => name.as_str(),
            _ => "",
        };
        let (login, said) = (self.login(), status.text.trim());
        match code {
            "UNAVAILABLE" | "INUSE" | "LIMIT" => login.not_now(said),
            "REFERRAL" => login
                .error(Class::Temporary, format!("the server says that the account is elsewhere, which is not followed: {said}"))
                .fate(Fate::NeedsUser)
                .hint("if you trust it, set the new server in `receive`"),
            "EXPIRED" => login.error(Class::Auth, format!("the password has expired: {said}")).hint("set a new one with your provider"),
            "PRIVACYREQUIRED" => login.error(Class::TlsRequired, format!("the server wants TLS first: {said}")),
            "CONTACTADMIN" => login.error(Class::Auth, format!("the account is blocked: {said}")).hint("ask your provider"),
            _ => login.refused(said, refusal, "IMAP"),
        }
    }
}

fn keep_caps(response: Response, caps: &mut Vec<String>) {
    if let Response::Capability(names) = response {
        *caps = names;
    }
}
