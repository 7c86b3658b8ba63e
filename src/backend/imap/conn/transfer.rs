//! What is queued goes out while answers come in; and a message that breaks off on its way.

use std::time::Duration;

use crate::model::{Error, Result};

use super::Connection;

impl Connection {
    /// Writes what is queued and reads what there is, until something came.
    pub(super) async fn fill(&mut self, silence: Duration) -> Result<()> {
        loop {
            self.output.pump();
            while self.output.is_hungry() {
                if self.pipe.is_cancelled() {
                    let error = self.pipe.stopped("in the middle of a message");
                    self.give_up(&error);
                    return Err(error);
                }
                if let Err(error) = self.output.read().await {
                    // A literal cannot be taken back: only the end of the connection keeps the server from taking half a message. What
                    // was sent before it is answered first.
                    self.torn = self.output.tear().map(|tag| (tag, error));
                    return Ok(());
                }
            }
            let more = self.output.has_more();
            if let Some(n) = self.pipe.exchange(&mut self.output.ready, more, silence).await? {
                return self.pipe.keep_pace(n, silence, !self.outstanding.is_empty());
            }
        }
    }

    /// What broke a message off, once everything before it is answered; then there is no connection any more.
    pub(super) fn torn_off(&mut self) -> Option<Box<Error>> {
        let (tag, _) = self.torn.as_ref()?;
        if self.outstanding.front().is_some_and(|first| first != tag) && self.outstanding.contains(tag) {
            return None;
        }
        let (_, error) = self.torn.take()?;
        self.give_up(&error);
        Some(error)
    }

    /// Hangs up because of `error`: whatever is asked for from here on fails.
    pub fn give_up(&mut self, error: &Error) {
        self.pipe.give_up(&error.failed);
    }
}
