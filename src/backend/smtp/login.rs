//! From nothing to a session that takes mail: dial, greeting, EHLO, TLS, login.

use crate::backend::Ctx;
use crate::backend::auth::{self, Channel, Login};
use crate::model::event::Step;
use crate::model::{Class, Error, Event, Fate, Result, Scope, Secret};
use crate::net::{Limits, Security, dial};
use crate::wire::sasl::{Mechanism, SaslError};
use crate::wire::smtp::{CANCEL, Command, Extensions, Reply, Severity, sasl_line};

use super::SmtpSubmission;
use super::conn::Connection;

struct Opening<'a> {
    to: &'a SmtpSubmission,
    ctx: &'a Ctx,
    conn: Connection,
    extensions: Extensions,
}

pub(super) async fn log_in(to: &SmtpSubmission, ctx: &Ctx) -> Result<(Connection, Extensions)> {
    let reached = |step, detail: &str| ctx.observer.on(&Event::Reached { step, detail });
    // The secret may have to be fetched from afar: the server is dialled meanwhile. A server without logins needs none.
    let stream = dial(&to.endpoint, &to.tls, &Limits::within(ctx.silence), ctx.meter.clone(), &*ctx.observer).await?;
    let conn = Connection::new(stream, to.endpoint.tried(), ctx);
    let mut opening = Opening { to, ctx, conn, extensions: Extensions::default() };
    let greeting = opening.greet().await?;
    reached(Step::Greeting, &greeting);
    opening.hello().await?;
    if to.endpoint.security == Security::StartTls {
        opening.start_tls().await?;
    }
    reached(Step::Capabilities, &opening.extensions.list());
    if let Some(user) = &to.user {
        match opening.mechanisms(user)? {
            Some(offered) => {
                let secret = auth::secret(ctx).await?;
                let by = opening.authenticate(user, &offered, &secret).await.map_err(auth::unanswered)?;
                reached(Step::Login, &format!("as {user} by {by}"));
            }
            None => reached(Step::Login, "the server offers no login: none is made"),
        }
    }
    opening.conn.pipe.tried = to.endpoint.spoken();
    Ok((opening.conn, opening.extensions))
}

impl Opening<'_> {
    async fn greet(&mut self) -> Result<String> {
        let greeting = self.conn.greeting().await?;
        match greeting.severity() {
            Severity::Done => Ok(greeting.text()),
            Severity::Never => Err(self.turned_away(&greeting)),
            _ => Err(self.conn.said("the server turned us away", &greeting).hint("try again later; the server may limit connections")),
        }
    }

    /// The server will not talk to us at all: no judgement about any message.
    fn turned_away(&self, reply: &Reply) -> Box<Error> {
        let failed = format!("the server turned us away: {}", reply.words());
        Error::new(Class::Rejected, self.to.endpoint.tried(), failed).scope(Scope::Account).fate(Fate::NeedsUser)
    }

    async fn hello(&mut self) -> Result<()> {
        let name = &self.to.host;
        let reply = self.conn.run(&if self.to.lmtp { Command::Lhlo(name) } else { Command::Ehlo(name) }).await?;
        match reply.severity() {
            Severity::Done => {
                self.extensions = Extensions::read(&reply, &self.ctx.disable);
                Ok(())
            }
            Severity::NotNow => Err(self.conn.said("the server does not serve us now", &reply)),
            Severity::GoOn => Err(self.conn.broke("does not answer EHLO as it must", reply.words().as_bytes())),
            Severity::Never => Err(self.turned_away(&reply)),
        }
    }

    fn no_tls(&self, failed: &str) -> Box<Error> {
        Error::new(Class::TlsRequired, self.to.endpoint.tried(), failed)
            .safe("no password and no message was sent")
            .hint("use smtps:// (TLS from the start, port 465)")
    }

    async fn start_tls(&mut self) -> Result<()> {
        if !self.extensions.has("STARTTLS") {
            return Err(self.no_tls("the server offers no STARTTLS"));
        }
        let reply = self.conn.run(&Command::StartTls).await?;
        if !reply.is_done() {
            return Err(self.no_tls(&format!("the server refused STARTTLS: {}", reply.words())));
        }
        let (to, observer, limits) = (self.to, &*self.ctx.observer, Limits::within(self.ctx.silence));
        self.conn.upgrade(|stream| async move { stream.start_tls(&to.endpoint, &to.tls, &limits, observer).await }).await?;
        // What was said in clear is worth nothing now (RFC 3207 §4.2).
        self.extensions = Extensions::default();
        self.hello().await
    }

    fn login<'a>(&'a self, user: &'a str) -> Login<'a> {
        Login { account: &self.to.account, user, endpoint: &self.to.endpoint, sasl: self.to.sasl }
    }

    /// What the server offers for logins; `None` where it knows none and none is demanded.
    fn mechanisms(&self, user: &str) -> Result<Option<Vec<String>>> {
        let offered = self.extensions.mechanisms();
        match self.to.sasl {
            _ if !offered.is_empty() => Ok(Some(offered)),
            None => Ok(None),
            Some(mechanism) => {
                let failed = format!("the setting demands a login by {mechanism}, and the server offers none");
                Err(self.login(user).error(Class::Auth, failed))
            }
        }
    }

    /// Logs in; the name of the way.
    async fn authenticate(&mut self, user: &str, offered: &[String], secret: &Secret) -> Result<Mechanism> {
        let channel = Channel::of(self.conn.stream(), &self.to.endpoint);
        let login = self.login(user);
        let spellings = login.spellings(secret);
        let mechanism = login.choose(offered, secret, &channel, false)?;
        let (mut exchange, initial) = login.begin(mechanism, offered, secret, channel)?;
        self.conn.never_show(spellings);
        let inline = initial.as_deref().filter(|i| Command::fits(mechanism.name(), i));
        self.conn.queue(&Command::Auth { mechanism: mechanism.name(), initial: inline })?;
        // Still to be said; once more where the server asks for it again: it did not take it from the command.
        let (mut first, mut repeat) = if inline.is_some() { (None, initial.clone()) } else { (initial.clone(), None) };
        let mut broken: Option<SaslError> = None;
        loop {
            let reply = self.conn.reply().await?;
            if reply.severity() != Severity::GoOn {
                if let Some(error) = &broken {
                    return Err(self.login(user).sasl_failed(error));
                }
                self.judge(user, mechanism, &reply, exchange.refusal())?;
                exchange.finished().map_err(|e| self.login(user).sasl_failed(&e))?;
                return Ok(mechanism);
            }
            if broken.is_some() {
                return Err(self.conn.broke("goes on with a login that was given up", &[]));
            }
            // Some servers put text there that is no base64 where nothing is expected: that counts as nothing.
            let challenge = decode(&reply.text());
            let again = repeat.take().filter(|_| challenge.is_empty());
            match first.take().or(again).map_or_else(|| exchange.step(&challenge), Ok) {
                Ok(answer) => self.conn.raw(&sasl_line(&answer)),
                Err(error) => {
                    broken = Some(error);
                    self.conn.raw(CANCEL);
                }
            }
        }
    }

    /// Names the cause of a refused login as far as it can be known (RFC 4954 §6).
    fn judge(&self, user: &str, mechanism: Mechanism, reply: &Reply, refusal: Option<&str>) -> Result<()> {
        let (login, said) = (self.login(user), reply.words());
        let about_tls = || said.to_ascii_lowercase().contains("tls");
        Err(match reply.code {
            _ if reply.severity() == Severity::Done => return Ok(()),
            _ if reply.severity() == Severity::NotNow => login.not_now(&said),
            538 => self.tls_first(&said),
            530 if about_tls() => self.tls_first(&said),
            500 | 502 => login
                .error(Class::Auth, format!("the server does not know the command for logins: {said}"))
                .hint("check host and port in `send`: servers take mail from their users on port 465 (smtps://) or 587 (smtp://)"),
            501 => login
                .error(Class::Auth, format!("the server could not read what the login said: {said}"))
                .hint("check the user name and the secret for odd characters, or set another mechanism with `sasl = \"…\"`"),
            503 => login
                .error(Class::Auth, format!("the server takes no login at this point: {said}"))
                .hint("it may serve this network without one: leave the user out of `send`"),
            504 => login
                .error(Class::Auth, format!("the server does not take the mechanism {mechanism}, by which the login was tried: {said}"))
                .hint(
                    "set another one with `sasl = \"…\"`; the account may have to be allowed to send by SMTP, or want `auth = \"oauth2\"`",
                ),
            _ => login.refused(&said, refusal, "SMTP AUTH"),
        })
    }

    /// No login in clear.
    fn tls_first(&self, said: &str) -> Box<Error> {
        Error::new(Class::TlsRequired, self.to.endpoint.tried(), format!("the server wants TLS before a login: {said}"))
            .safe("no message was sent")
            .hint("use smtps:// (TLS from the start, port 465), or smtp:// without `tls = { mode = \"none\" }` (STARTTLS, port 587)")
    }
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text.trim()).unwrap_or_default()
}
