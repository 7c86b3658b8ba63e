//! The strongest mechanism that both sides know.

use std::fmt;

use super::Mechanism;

/// What we could log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Have {
    /// A password.
    Password,
    /// An OAuth 2 access token.
    Token,
}

/// Why no mechanism fits. Quotes what the server offered: not sanitised, bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChooseError {
    /// The server offers no mechanism at all.
    NothingOffered,
    /// The setting forces one that the server does not offer. There is no fall-back: a weaker offer may be an attack.
    NotOffered {
        /// The forced one.
        forced: Mechanism,
        /// What is offered.
        offered: Vec<String>,
    },
    /// It would show the secret on a connection without TLS.
    NeedsTls(Mechanism),
    /// It binds to TLS, and there is no TLS 1.3 to bind to.
    NeedsBinding(Mechanism),
    /// The forced one wants the other kind of secret.
    WrongSecret {
        /// The forced one.
        forced: Mechanism,
        /// What there is.
        have: Have,
    },
    /// Only tokens are wanted, and there is a password.
    OAuthOnly(Vec<String>),
    /// Only passwords are wanted, and there is a token.
    PasswordOnly(Vec<String>),
    /// Nothing of what is offered is known here.
    Unknown(Vec<String>),
}

impl fmt::Display for ChooseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingOffered => f.write_str("the server offers no way to log in"),
            Self::NotOffered { forced, offered } => {
                write!(f, "the setting demands {forced}, which the server does not offer (it offers {})", list(offered))
            }
            Self::NeedsTls(mechanism) => write!(f, "{mechanism} would show the secret to everybody on the way: it needs TLS"),
            Self::NeedsBinding(mechanism) => write!(f, "{mechanism} needs a TLS 1.3 connection of our own to bind to"),
            Self::WrongSecret { forced, have: Have::Password } => {
                write!(f, "the setting demands {forced}, which needs an access token, and there is a password")
            }
            Self::WrongSecret { forced, have: Have::Token } => {
                write!(f, "the setting demands {forced}, which needs a password, and there is an access token")
            }
            Self::OAuthOnly(offered) => {
                write!(f, "the server wants OAuth only (it offers {}): a password does not do, an access token is needed", list(offered))
            }
            Self::PasswordOnly(offered) => {
                write!(f, "the server takes no access token (it offers {}): a password is needed", list(offered))
            }
            Self::Unknown(offered) => write!(f, "the server offers only what is not supported here: {}", list(offered)),
        }
    }
}

impl std::error::Error for ChooseError {}

/// Names shown of a long offer.
const SHOWN: usize = 16;

fn list(offered: &[String]) -> String {
    if offered.is_empty() { "nothing".into() } else { offered.join(", ") }
}

/// Chooses among what the server `offered`: SCRAM (with channel binding before without, SHA-256 before SHA-1), then PLAIN
/// and LOGIN inside TLS only; for a token OAUTHBEARER, then XOAUTH2, inside TLS only. A `forced` mechanism is taken or
/// nothing is; EXTERNAL is taken only so. `encrypted`: TLS stands, or a tunnel. `channel_binding`: there is binding data.
pub fn choose<S: AsRef<str>>(
    offered: &[S],
    have: Have,
    forced: Option<Mechanism>,
    encrypted: bool,
    channel_binding: bool,
) -> Result<Mechanism, ChooseError> {
    let known = offered.iter().filter_map(|name| Mechanism::parse(name.as_ref())).collect::<Vec<_>>();
    let names = || offered.iter().take(SHOWN).map(|name| name.as_ref().chars().take(40).collect()).collect::<Vec<String>>();
    if let Some(forced) = forced {
        return match forced {
            _ if !known.contains(&forced) => Err(ChooseError::NotOffered { forced, offered: names() }),
            _ if forced != Mechanism::External && forced.wants_token() != (have == Have::Token) => {
                Err(ChooseError::WrongSecret { forced, have })
            }
            _ if forced.shows_secret() && !encrypted => Err(ChooseError::NeedsTls(forced)),
            _ if forced.binds() && !channel_binding => Err(ChooseError::NeedsBinding(forced)),
            _ => Ok(forced),
        };
    }
    if offered.is_empty() {
        return Err(ChooseError::NothingOffered);
    }
    let fits = |m: &Mechanism| *m != Mechanism::External && m.wants_token() == (have == Have::Token) && known.contains(m);
    let able = |m: &Mechanism| (!m.binds() || channel_binding) && (!m.shows_secret() || encrypted);
    let candidates = || Mechanism::ALL.into_iter().filter(fits);
    if let Some(best) = candidates().find(able) {
        return Ok(best);
    }
    Err(match candidates().next_back() {
        Some(weak) if weak.shows_secret() => ChooseError::NeedsTls(weak),
        Some(bound) => ChooseError::NeedsBinding(bound),
        None if have == Have::Password && known.iter().any(|m| m.wants_token()) => ChooseError::OAuthOnly(names()),
        None if have == Have::Token && known.iter().any(|m| !m.wants_token() && *m != Mechanism::External) => {
            ChooseError::PasswordOnly(names())
        }
        None => ChooseError::Unknown(names()),
    })
}
