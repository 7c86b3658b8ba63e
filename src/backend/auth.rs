//! What every login has in common, whatever it goes over: which mechanism, what the secret may look like when a server gives it back, and
//! why a login was refused.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::event::Step;
use crate::model::{Class, Error, Event, ExposeSecret as _, Fate, Result, Scope, Secret, SecretKind, SecretString};
use crate::net::{Endpoint, Route, Security, Stream};
use crate::wire::sasl::{Exchange, Have, Mechanism, SaslError, choose};

use super::Ctx;

/// Finds the secret, and says so. First of all: without it there is no reason to bother the server.
pub(super) async fn secret(ctx: &Ctx) -> Result<Secret> {
    let secret = ctx.credentials.secret().await?;
    let detail = if secret.kind == SecretKind::Token { "access token found" } else { "password found" };
    ctx.observer.on(&Event::Reached { step: Step::Secret, detail });
    Ok(secret)
}

/// Who logs in where.
pub(super) struct Login<'a> {
    /// Name of the account, for words.
    pub account: &'a str,
    pub user: &'a str,
    pub endpoint: &'a Endpoint,
    /// Forced mechanism.
    pub sasl: Option<Mechanism>,
}

/// What protects the connection.
pub(super) struct Channel {
    /// Nobody else reads the secret, or the user wants it so.
    private: bool,
    /// Nobody else reads the secret.
    pub encrypted: bool,
    /// Channel binding data.
    binding: Option<Vec<u8>>,
}

impl Channel {
    pub fn of(stream: Option<&Stream>, endpoint: &Endpoint) -> Self {
        let encrypted = stream.is_some_and(Stream::is_encrypted) || matches!(endpoint.route, Route::Tunnel(_));
        Self { private: encrypted || endpoint.security == Security::Clear, encrypted, binding: stream.and_then(Stream::channel_binding) }
    }
}

impl Login<'_> {
    /// The words for [`Error::tried`].
    pub fn tried(&self) -> String {
        format!("log in to {} as {}", self.endpoint.address(), self.user)
    }

    /// The secret as it may come back from a server that quotes what it does not like: PLAIN, OAUTHBEARER and XOAUTH2 in one string, SCRAM
    /// and LOGIN in pieces; so the encoding of the whole and of the secret alone.
    pub fn spellings(&self, secret: &Secret) -> Vec<SecretString> {
        let text = secret.text.expose_secret();
        let plain = format!("\0{}\0{text}", self.user);
        [text.to_owned(), STANDARD.encode(text), STANDARD.encode(plain)].map(SecretString::from).to_vec()
    }

    /// The mechanism to log in with, of those that are `offered`. `no_clear`: the server wants TLS first.
    pub fn choose(&self, offered: &[String], secret: &Secret, channel: &Channel, no_clear: bool) -> Result<Mechanism> {
        let have = if secret.kind == SecretKind::Token { Have::Token } else { Have::Password };
        choose(offered, have, self.sasl, channel.private, channel.binding.is_some()).map_err(|e| {
            let class = if channel.private && !no_clear { Class::Auth } else { Class::TlsRequired };
            let error = Error::new(class, self.tried(), e.to_string()).safe("no password was sent");
            match have {
                Have::Password => error.hint("set `auth = \"oauth2\"` for a token, or `sasl = \"…\"` for another mechanism"),
                Have::Token => error.hint("set `auth = \"password\"`, or `sasl = \"…\"` for another mechanism"),
            }
        })
    }

    /// An exchange by `mechanism`, and what to say first.
    pub fn begin(
        &self,
        mechanism: Mechanism,
        offered: &[String],
        secret: &Secret,
        channel: Channel,
    ) -> Result<(Exchange, Option<Vec<u8>>)> {
        // A plain SCRAM where the server offers PLUS must not claim that the server does not.
        let plus = offered.iter().any(|m| m.ends_with("-PLUS"));
        let binding = if mechanism.binds() || !plus { channel.binding } else { None };
        let (host, port) = (&self.endpoint.host, self.endpoint.port);
        let mut exchange = Exchange::new(mechanism, self.user, &secret.text, host, port, binding).map_err(|e| self.sasl_failed(&e))?;
        let initial = exchange.initial().map_err(|e| self.sasl_failed(&e))?;
        Ok((exchange, initial))
    }

    /// An exchange that came to nothing.
    pub fn sasl_failed(&self, error: &SaslError) -> Box<Error> {
        let class = if error.is_protocol() { Class::Protocol } else { Class::Auth };
        Error::new(class, self.tried(), error.to_string())
    }

    /// A login that failed.
    pub fn error(&self, class: Class, failed: String) -> Box<Error> {
        Error::new(class, self.tried(), failed).safe("what is here and what is there stays as it is")
    }

    /// The server cannot tell now.
    pub fn not_now(&self, said: &str) -> Box<Error> {
        self.error(Class::Temporary, format!("the server cannot check the login now: {said}")).fate(Fate::NeedsUser).hint("try again later")
    }

    /// Another session has the mailbox.
    pub fn locked(&self, said: &str) -> Box<Error> {
        self.error(Class::Locked, format!("another session has the mailbox: {said}"))
            .scope(Scope::Session)
            .fate(Fate::After(Duration::from_secs(5)))
            .hint("close other mail programs that use the account; --wait waits for it")
    }

    /// Names the cause of a refused login as far as the server's words tell it; `refusal` is what an OAuth server said, `protocol` what
    /// people call what is spoken.
    pub fn refused(&self, words: &str, refusal: Option<&str>, protocol: &str) -> Box<Error> {
        let said = format!("{words} {}", refusal.unwrap_or_default());
        let (lower, said) = (said.to_lowercase(), said.trim());
        if lower.contains("application-specific") || lower.contains("app password") || lower.contains("app-specific") {
            self.error(Class::Auth, format!("the provider wants an app password here: {said}"))
                .hint("make an app password on the provider's web page and use it instead of the account's")
        } else if lower.contains("disabled") || lower.contains("not enabled") || lower.contains("not allowed") {
            self.error(Class::Auth, format!("{protocol} seems to be switched off for this account: {said}"))
                .hint(format!("switch {protocol} on in the account's settings"))
        } else if refusal.is_some() {
            self.error(Class::Auth, format!("the access token was refused: {said}"))
                .hint("the token or its consent may have expired: get a new one")
        } else {
            self.error(Class::Auth, format!("wrong user name or password: {said}")).hint(format!(
                "check the user name, and where the password comes from; for one in the keyring: mailx account login {}",
                self.account
            ))
        }
    }
}

/// A line that is lost where the answer to a login should come may be the answer: another try could be the one that locks the account.
pub(super) fn unanswered(error: Box<Error>) -> Box<Error> {
    if error.class == Class::Temporary && error.fate == Fate::Now { error.fate(Fate::NeedsUser) } else { error }
}
