//! How backends ask for secrets without knowing where they live.

use async_trait::async_trait;
pub use secrecy::{ExposeSecret, SecretString};

use super::error::Result;

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A password: SCRAM, PLAIN, LOGIN.
    Password,
    /// An OAuth 2 access token: OAUTHBEARER, XOAUTH2.
    Token,
}

/// A secret with its kind. Debug output hides it.
#[derive(Debug, Clone)]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// The text; never empty.
    pub text: SecretString,
}

/// A source of the secret of one account.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The secret for the receiving side. Asked once per connection; implementations keep what they found, so that several
    /// connections ask the user, the command or the keyring once.
    ///
    /// Errors have class `auth` (not found, locked, refused) or `config`.
    async fn secret(&self) -> Result<Secret>;

    /// Another one instead of `refused`, which the server has just refused: a token that died, and that its source has renewed. `None` where
    /// the source has no other, and for every password: one more wrong one could be the one that locks the account.
    async fn renewed(&self, refused: &Secret) -> Result<Option<Secret>> {
        let _ = refused;
        Ok(None)
    }
}
