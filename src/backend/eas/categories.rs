//! The categories that messages have now: a change replaces all of them.

use std::collections::HashMap;

use bytes::BytesMut;

use crate::model::{RemoteId, Result};
use crate::wire::eas::{Command, FetchDecoder, FetchEvent, properties_request};

use super::cursor::Bookmark;
use super::limits;
use super::session::{Ask, Link, answered};

impl Link {
    /// By the ids of the messages; those that cannot be had are missing.
    pub async fn categories(&mut self, mark: &Bookmark, ids: &[&RemoteId]) -> Result<HashMap<String, Vec<String>>> {
        let mut all = HashMap::with_capacity(ids.len());
        for batch in ids.chunks(limits::BATCH) {
            let wanted: Vec<(&str, &str)> = batch.iter().map(|id| (mark.folder.as_str(), &*id.0)).collect();
            if self.read_categories(&wanted, &mut all).await? {
                continue;
            }
            // One that is gone may have spoilt the request.
            for one in wanted.chunks(1).filter(|_| wanted.len() > 1) {
                self.read_categories(one, &mut all).await?;
            }
        }
        Ok(all)
    }

    /// One request; false where the web server refuses it.
    async fn read_categories(&mut self, wanted: &[(&str, &str)], all: &mut HashMap<String, Vec<String>>) -> Result<bool> {
        let command = Command::ItemOperations;
        let body = properties_request(wanted).map_err(|e| self.broke(command, e))?;
        let ask = Ask { most: limits::BODIES, ..Ask::new(command, body) };
        let mut answer = match self.send(&ask).await {
            Ok(answer) => answer,
            Err(error) if matches!(answered(&error), Some(400 | 404 | 500 | 501 | 502)) => return Ok(false),
            Err(error) => return Err(error),
        };
        self.check_type(command, &answer)?;
        let (mut decoder, mut buf, mut count) = (FetchDecoder::new(), BytesMut::new(), 0);
        while let Some(piece) = answer.chunk().await? {
            buf.extend_from_slice(&piece);
            while let Some(event) = decoder.next(&mut buf).map_err(|e| self.broke(command, e))? {
                let FetchEvent::Item(item) = event else { continue };
                let id = item.id.clone().or_else(|| wanted.get(count).map(|(_, id)| (*id).to_owned()));
                count += 1;
                if let Some(id) = id.filter(|_| item.status.is_done()) {
                    all.insert(id, item.properties.categories.unwrap_or_default());
                }
            }
        }
        decoder.finish().map_err(|e| self.broke(command, e))?;
        Ok(true)
    }
}
