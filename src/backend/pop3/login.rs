//! From nothing to an authenticated session: dial, TLS, greeting, capabilities, login.

use std::time::Duration;

use md5::{Digest as _, Md5};

use crate::backend::Ctx;
use crate::backend::auth::{self, Channel, Login};
use crate::model::event::Step;
use crate::model::{Class, Error, Event, ExposeSecret as _, Fate, Result, Scope, Secret, SecretKind};
use crate::net::{Limits, Security, dial};
use crate::wire::hex;
use crate::wire::pop3::{CANCEL, Code, Command, Reply, WireError, parse_capability, sasl_line};
use crate::wire::sasl::{Mechanism, SaslError};

use super::capabilities::Capabilities;
use super::conn::{Connection, Expect, Incoming};
use super::{Pop3Backend, limits, quirks};

/// Octets of an APOP time stamp.
const STAMP: usize = 512;

/// What stands after the login.
pub(super) struct LoggedIn {
    pub conn: Connection,
    pub caps: Capabilities,
    pub quirks: quirks::Quirks,
}

struct Opening<'a> {
    backend: &'a Pop3Backend,
    ctx: &'a Ctx,
    conn: Connection,
    caps: Capabilities,
    greeting: String,
}

pub(super) async fn log_in(backend: &Pop3Backend, ctx: &Ctx) -> Result<LoggedIn> {
    let secret = auth::secret(ctx).await?;
    let reached = |step, detail: &str| ctx.observer.on(&Event::Reached { step, detail });

    let stream = dial(&backend.endpoint, &backend.tls, &Limits::within(ctx.silence), ctx.meter.clone(), &*ctx.observer).await?;
    let conn = Connection::new(stream, backend.endpoint.tried(), ctx);
    let mut opening = Opening { backend, ctx, conn, caps: Capabilities::default(), greeting: String::new() };
    opening.greet().await?;
    reached(Step::Greeting, &opening.greeting);
    opening.caps = ask_caps(&mut opening.conn, ctx).await?;
    if backend.endpoint.security == Security::StartTls {
        opening.start_tls().await?;
    }
    reached(Step::Capabilities, &opening.caps.list());
    let by = opening.authenticate(&secret).await.map_err(auth::unanswered)?;
    opening.conn.pipe.tried = backend.endpoint.spoken();
    reached(Step::Login, &format!("as {} by {by}", backend.user));
    let (name, quirks) = quirks::of(&backend.endpoint.host, &opening.greeting);
    if let Some(name) = name {
        tracing::debug!(server = name, "a server with quirks");
    }
    Ok(LoggedIn { conn: opening.conn, caps: opening.caps, quirks })
}

/// Asks for the capabilities. A server that does not know the command has none.
pub(super) async fn ask_caps(conn: &mut Connection, ctx: &Ctx) -> Result<Capabilities> {
    if ctx.disable.iter().any(|name| name == "CAPA") {
        return Ok(Capabilities::default());
    }
    conn.queue(&Command::Capa, Expect::Items)?;
    read_caps(conn, ctx).await
}

/// Reads the answer to CAPA.
pub(super) async fn read_caps(conn: &mut Connection, ctx: &Ctx) -> Result<Capabilities> {
    let mut told = Vec::new();
    let reply = conn
        .items(|line| {
            told.extend(parse_capability(line));
            if told.len() > limits::CAPABILITIES { Err(WireError::Malformed("CAPA")) } else { Ok(()) }
        })
        .await?;
    Ok(if reply.ok { Capabilities::new(told, &ctx.disable) } else { Capabilities::default() })
}

impl<'a> Opening<'a> {
    async fn greet(&mut self) -> Result<()> {
        let greeting = self.conn.greeting().await?;
        if !greeting.ok {
            return Err(match greeting.code {
                Some(Code::InUse) => self.login().locked(&greeting.text),
                Some(Code::LoginDelay) => self.too_soon(&greeting.text),
                Some(Code::SysPerm) => self.conn.refused("the server turned us away", &greeting),
                _ => self.conn.said("the server turned us away", &greeting.text).hint("try again later; the server may limit connections"),
            });
        }
        self.greeting = greeting.text;
        Ok(())
    }

    fn no_tls(&self, failed: &str) -> Box<Error> {
        Error::new(Class::TlsRequired, self.backend.endpoint.tried(), failed)
            .safe("no password was sent")
            .hint("use pop3s:// (TLS from the start, port 995)")
    }

    async fn start_tls(&mut self) -> Result<()> {
        if self.caps.known() && !self.caps.has("STLS") {
            return Err(self.no_tls("the server offers no STLS"));
        }
        let reply = self.conn.run(&Command::Stls).await?;
        if !reply.ok {
            return Err(self.no_tls(&format!("the server refused STLS: {}", reply.text)));
        }
        let (backend, observer, limits) = (self.backend, &*self.ctx.observer, Limits::within(self.ctx.silence));
        self.conn.upgrade(|stream| async move { stream.start_tls(&backend.endpoint, &backend.tls, &limits, observer).await }).await?;
        // What was said in clear is worth nothing now (RFC 2595 §4).
        self.caps = ask_caps(&mut self.conn, self.ctx).await?;
        Ok(())
    }

    fn login(&self) -> Login<'a> {
        let backend = self.backend;
        Login { account: &backend.account, user: &backend.user, endpoint: &backend.endpoint, sasl: backend.sasl }
    }

    /// Logs in; the name of the way.
    async fn authenticate(&mut self, secret: &Secret) -> Result<String> {
        let login = self.login();
        self.conn.never_show(login.spellings(secret));
        if self.caps.has("UTF8") {
            // Before the login or never (RFC 6856 §2). Without it a server may change messages on their way.
            self.conn.queue(&Command::Utf8, Expect::Line)?;
            let reply = self.conn.reply().await?;
            tracing::debug!(ok = reply.ok, "UTF8");
        }
        let channel = Channel::of(self.conn.stream(), &self.backend.endpoint);
        if self.backend.apop {
            return self.apop(secret, &channel).await;
        }
        let offered = self.caps.mechanisms();
        let mechanism = login.choose(&offered, secret, &channel, false)?;
        if mechanism == Mechanism::Login && !self.caps.sasl_login() {
            // Not in one packet: a server may forget what comes behind USER.
            let user = self.conn.run(&Command::User(&self.backend.user)).await?;
            self.judge(&user, None)?;
            let pass = self.conn.run(&Command::Pass(secret.text.expose_secret())).await?;
            self.judge(&pass, None)?;
            return Ok("USER and PASS".into());
        }
        self.exchange(mechanism, &offered, secret, channel).await?;
        Ok(mechanism.to_string())
    }

    async fn exchange(&mut self, mechanism: Mechanism, offered: &[String], secret: &Secret, channel: Channel) -> Result<()> {
        let login = self.login();
        let (mut exchange, initial) = login.begin(mechanism, offered, secret, channel)?;
        // XOAUTH2 as Microsoft wants it, in two lines; others know it, too. And whatever is too long for one.
        let inline = initial.as_deref().filter(|i| mechanism != Mechanism::XOAuth2 && Command::fits(mechanism.name(), i));
        self.conn.queue(&Command::Auth { mechanism: mechanism.name(), initial: inline }, Expect::Login)?;
        // Still to be said; once more where the server asks for it again: it did not take it from the command.
        let (mut first, mut repeat) = if inline.is_some() { (None, initial.clone()) } else { (initial.clone(), None) };
        let mut broken: Option<SaslError> = None;
        loop {
            match self.conn.event().await? {
                Incoming::Continue(_) if broken.is_some() => {
                    return Err(self.conn.broke("goes on with a login that was given up", &[]));
                }
                Incoming::Continue(challenge) => {
                    let again = repeat.take().filter(|_| challenge.is_empty());
                    match first.take().or(again).map_or_else(|| exchange.step(&challenge), Ok) {
                        Ok(answer) => self.conn.raw(&sasl_line(&answer)),
                        Err(error) => {
                            broken = Some(error);
                            self.conn.raw(CANCEL);
                        }
                    }
                }
                Incoming::Reply(reply) => {
                    if let Some(error) = &broken {
                        return Err(login.sasl_failed(error));
                    }
                    self.judge(&reply, exchange.refusal())?;
                    return exchange.finished().map_err(|e| login.sasl_failed(&e));
                }
                _ => return Err(self.conn.broke("sent a message before the login", &[])),
            }
        }
    }

    /// A digest of the greeting's time stamp and the password (RFC 1939 §7). MD5 is broken: only where the user asks for it.
    async fn apop(&mut self, secret: &Secret, channel: &Channel) -> Result<String> {
        let login = self.login();
        if !channel.encrypted {
            let failed = "the setting demands APOP, which is broken where others can read along, and the line is not encrypted";
            return Err(login.error(Class::TlsRequired, failed.into()).safe("no digest of the password was sent"));
        }
        if secret.kind == SecretKind::Token {
            return Err(login.error(Class::Auth, "the setting demands APOP, which needs a password, and there is an access token".into()));
        }
        let stamp = stamp(&self.greeting).map(str::to_owned).ok_or_else(|| {
            login.error(Class::Auth, "the setting demands APOP, and the server's greeting has no time stamp for it".into())
        })?;
        let mut hash = Md5::new();
        hash.update(stamp.as_bytes());
        hash.update(secret.text.expose_secret().as_bytes());
        let reply = self.conn.run(&Command::Apop { user: &self.backend.user, digest: &hex(&hash.finalize()) }).await?;
        self.judge(&reply, None)?;
        Ok("APOP".into())
    }

    /// The server wants to be logged in to less often; where it says how often, whoever waits knows how long.
    fn too_soon(&self, said: &str) -> Box<Error> {
        let error =
            self.login().error(Class::Temporary, format!("the server was asked too short a time ago: {said}")).scope(Scope::Account);
        let delay = self.caps.login_delay().filter(|seconds| *seconds > 0);
        let fate = delay.map_or(Fate::NeedsUser, |seconds| Fate::After(Duration::from_secs(seconds.into())));
        error.fate(fate).hint("run it less often; --wait waits, where the server tells for how long")
    }

    /// Names the cause of a refused login as far as it can be known (RFC 2449 §8.1, RFC 3206).
    fn judge(&self, reply: &Reply, refusal: Option<&str>) -> Result<()> {
        let (login, said) = (self.login(), reply.text.as_str());
        if reply.ok {
            return Ok(());
        }
        Err(match reply.code {
            Some(Code::InUse) => login.locked(said),
            Some(Code::LoginDelay) => self.too_soon(said),
            Some(Code::SysTemp) => login.not_now(said),
            Some(Code::SysPerm) => {
                login.error(Class::Rejected, format!("the server cannot open the mailbox: {said}")).scope(Scope::Account)
            }
            Some(Code::Auth) => login.refused(said, refusal, "POP3"),
            // Servers without codes say it in words.
            _ if is_about_lock(said) => login.locked(said),
            _ if is_about_now(said) => login.not_now(said),
            _ => login.refused(said, refusal, "POP3"),
        })
    }
}

/// Whether a refusal is about the maildrop, and not about the account.
fn is_about_lock(said: &str) -> bool {
    let said = said.to_lowercase();
    let drop = ["maildrop", "mail drop", "mailbox", "mail box", "spool"].iter().any(|word| said.contains(word));
    drop && ["lock", "in use", "busy"].iter().any(|word| said.contains(word))
}

/// What servers without codes say of a login that they cannot check now: Exchange, Outlook.com, Dovecot, and those behind a balancer.
const NOT_NOW: [&str; 7] = [
    "server unavailable",
    "service unavailable",
    "temporarily unavailable",
    "too many connections",
    "exceeded the login limit",
    "login rate limit",
    "temporary authentication failure",
];

/// Whether a refusal will pass by itself. In doubt it is the password: another try too many locks an account.
fn is_about_now(said: &str) -> bool {
    let said = said.to_lowercase();
    NOT_NOW.iter().any(|words| said.contains(words)) && !["password", "credential"].iter().any(|word| said.contains(word))
}

/// The time stamp of a greeting, when it is a msg-id by RFC 822 as it must be: one that is not may be chosen to find out the password
/// (CVE-2007-1558).
fn stamp(greeting: &str) -> Option<&str> {
    let start = greeting.find('<')?;
    let end = start + greeting[start..].find('>')?;
    let stamp = &greeting[start..=end];
    let inside = &stamp[1..stamp.len() - 1];
    let (left, right) = inside.split_once('@')?;
    let fits = |part: &str| !part.is_empty() && part.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"<>@()[],;:\\\"".contains(&b));
    (stamp.len() <= STAMP && fits(left) && fits(right)).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_a_message_id_or_none() {
        assert_eq!(stamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>"), Some("<1896.697170952@dbc.mtview.ca.us>"));
        for wrong in ["ready", "<a>", "<@b>", "<a@>", "<a@b", "<a@b@c>", "<a\u{1}@b>", "<\u{e9}@b>", "<a b@c>"] {
            assert_eq!(stamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_locked_mailbox_is_told_from_a_blocked_account() {
        assert!(is_about_lock("maildrop already locked"));
        assert!(is_about_lock("Unable to lock maildrop: Mailbox is locked by POP server"));
        assert!(is_about_lock("mailbox in use"));
        assert!(!is_about_lock("your account is locked"));
        assert!(!is_about_lock("invalid user name or password"));
    }

    #[test]
    fn a_refusal_that_passes_is_told_from_a_wrong_password() {
        assert!(is_about_now("Server Unavailable. 21"));
        assert!(is_about_now("[LIMIT] Exceeded the login limit for a 15 minute period"));
        assert!(!is_about_now("too many failed logins"));
        assert!(!is_about_now("wrong password, or the service is temporarily unavailable"));
    }
}
