//! The mechanisms that we speak.

use std::fmt;

/// A SASL mechanism, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677): neither side can be impersonated, not even by somebody inside the TLS connection.
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677): the password is not sent, and the server proves that it knows it.
    ScramSha256,
    /// SCRAM-SHA-1-PLUS (RFC 5802).
    ScramSha1Plus,
    /// SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// OAUTHBEARER (RFC 7628).
    OAuthBearer,
    /// XOAUTH2: what Google and Microsoft had before.
    XOAuth2,
    /// PLAIN (RFC 4616): the password itself.
    Plain,
    /// LOGIN: the password itself, in an older way.
    Login,
    /// EXTERNAL (RFC 4422 appendix A): the TLS client certificate says who we are.
    External,
}

impl Mechanism {
    /// Every mechanism, strongest first.
    pub const ALL: [Self; 9] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::ScramSha1Plus,
        Self::ScramSha1,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
        Self::External,
    ];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism of that name, in any case of letters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(name.trim()))
    }

    /// True for the ones that prove both sides without sending the password.
    pub fn is_scram(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha256 | Self::ScramSha1Plus | Self::ScramSha1)
    }

    /// True for the ones that bind to the TLS connection.
    pub fn binds(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    /// True for the ones that carry an access token.
    pub fn wants_token(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// True for the ones that hand the secret itself to whoever listens.
    pub fn shows_secret(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2 | Self::Plain | Self::Login)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
