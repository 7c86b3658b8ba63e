//! What a backend gets from outside: a password, and nobody who listens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::backend::Ctx;
use crate::backend::memory::Ram;
use crate::model::event::Silent;
use crate::model::{Credentials, Result, Secret, SecretKind};

struct Known(&'static str);

#[async_trait]
impl Credentials for Known {
    async fn secret(&self) -> Result<Secret> {
        Ok(Secret { kind: SecretKind::Password, text: self.0.into() })
    }
}

/// A run of its own, with this password and this much silence that is borne.
pub fn ctx(password: &'static str, silence: Duration) -> Ctx {
    Ctx {
        cancel: CancellationToken::new(),
        credentials: Arc::new(Known(password)),
        observer: Arc::new(Silent),
        meter: Arc::default(),
        silence,
        disable: Arc::new([]),
        memory: Arc::new(Ram::default()),
        rehearsal: false,
    }
}
