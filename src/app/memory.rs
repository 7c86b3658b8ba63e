//! Where a backend's memory lives: in the state of the account, once that is open.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::off_thread;
use crate::backend::Memory;
use crate::model::Result;
use crate::store::Store;

/// The state's key of it.
pub(super) const KEY: &str = "device";

/// Remembers in the state. A login may come before there is a state, so that a wrong password makes none: what it has to remember waits
/// for that.
#[derive(Debug, Default)]
pub(super) struct StateMemory(Mutex<Place>);

#[derive(Debug)]
enum Place {
    /// There is no state yet. What is to be remembered waits for one.
    Waiting(Option<String>),
    /// It is in the state of this store.
    In(Arc<Store>),
    /// The store was let go: this is what its state has, as far as is known; and whether it has to learn of it.
    Released(Option<String>, bool),
}

impl Default for Place {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl StateMemory {
    /// From now on it is in the state of `store`. True: somebody has changed it there since it was let go.
    pub async fn settle(&self, store: &Arc<Store>) -> Result<bool> {
        let before = std::mem::replace(&mut *self.place(), Place::In(store.clone()));
        match before {
            Place::Waiting(Some(text)) | Place::Released(Some(text), true) => self.remember(&text).await.map(|()| false),
            Place::Released(known, _) => Ok(self.recall().await? != known),
            Place::Waiting(None) | Place::In(_) => Ok(false),
        }
    }

    /// Lets the store go, so that its lock is free. What it has is kept in mind.
    pub async fn release(&self) -> Result<()> {
        let known = self.recall().await?;
        *self.place() = Place::Released(known, false);
        Ok(())
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store, or what waits for it.
    fn store(&self) -> std::result::Result<Arc<Store>, Option<String>> {
        match &*self.place() {
            Place::Waiting(text) | Place::Released(text, _) => Err(text.clone()),
            Place::In(store) => Ok(store.clone()),
        }
    }
}

#[async_trait]
impl Memory for StateMemory {
    async fn recall(&self) -> Result<Option<String>> {
        match self.store() {
            Err(waiting) => Ok(waiting),
            Ok(store) => off_thread("read the state", move || store.state().meta(KEY)).await,
        }
    }

    async fn remember(&self, text: &str) -> Result<()> {
        let text = text.to_owned();
        match self.store() {
            Err(_) => {
                let mut place = self.place();
                *place = match *place {
                    Place::Released(..) => Place::Released(Some(text), true),
                    _ => Place::Waiting(Some(text)),
                };
                Ok(())
            }
            // In a rehearsal the state is a copy.
            Ok(store) => {
                off_thread("record what the server told of the account", move || {
                    store.state().set_meta(&[(KEY, Some(text))])?;
                    store.step("commit-account");
                    Ok(())
                })
                .await
            }
        }
    }
}
