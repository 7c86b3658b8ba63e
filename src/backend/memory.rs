//! What a backend remembers of an account beside the cursors of its folders.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::model::Result;

/// One text, opaque to everybody but the backend that wrote it: who we are there, keys that belong to no folder.
#[async_trait]
pub trait Memory: Send + Sync {
    /// The text as last remembered; `None` = never, or lost with the state.
    async fn recall(&self) -> Result<Option<String>>;

    /// Replaces it; durable when it returns, unless nothing may be changed (a dry run, a look).
    async fn remember(&self, text: &str) -> Result<()>;
}

/// Remembers as long as it lives.
#[derive(Debug, Default)]
pub struct Ram(Mutex<Option<String>>);

impl Ram {
    /// One that begins with a text.
    pub fn new(text: Option<String>) -> Self {
        Self(Mutex::new(text))
    }

    /// What it holds.
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Memory for Ram {
    async fn recall(&self) -> Result<Option<String>> {
        Ok(self.get())
    }

    async fn remember(&self, text: &str) -> Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
        Ok(())
    }
}
