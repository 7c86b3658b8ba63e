//! What is new in the INBOX. Absence is no deletion, unless the user has said so.

use crate::backend::LookAt;
use crate::model::change::{Harvest, HarvestKind};
use crate::model::{Change, FlagState, Listed, Need};

use super::cursor::Known;
use super::{Up, limits};

impl Up {
    /// One page. `mirror`: what is not listed any more was deleted there.
    pub fn look(&self, look: &LookAt, mirror: bool, out: &mut dyn FnMut(Change)) -> Harvest {
        let by_content = self.listing.by_content;
        let known = look.cursor.as_ref().and_then(Known::decode);
        let (known, restarted, from_nothing) = match (known, look.cursor.is_some()) {
            (Some(known), _) if !known.is_void(&self.listing, self.quirks) => (known, false, false),
            (Some(known), _) => (Known::nothing(known.generation.wrapping_add(1), by_content), true, true),
            (None, had_one) => (Known::nothing(1, by_content), had_one, true),
        };
        let mut news = known.news(&self.listing);
        let more = news.len() > limits::PAGE;
        news.truncate(limits::PAGE);
        let whole = mirror && look.need == Need::Everything && !self.quirks.hides_fetched;
        if whole && !from_nothing {
            // Everything that was known and is there still: the rest is gone.
            let mut new = known.news(&self.listing).into_iter().peekable();
            for (n, message) in self.listing.messages.iter().enumerate() {
                if new.next_if_eq(&n).is_none() {
                    out(Change::Kept(message.id.clone()));
                }
            }
        }
        for message in news.iter().filter_map(|n| self.listing.messages.get(*n)) {
            out(Change::Present(Listed {
                id: message.id.clone(),
                size: Some(message.size),
                date: None,
                flags: FlagState::default(),
                permanent: None,
            }));
        }
        let kind = if restarted || (from_nothing && !more) || (whole && !from_nothing) { HarvestKind::Whole } else { HarvestKind::Delta };
        let cursor = known.with(&self.listing, &news).encode();
        Harvest { cursor, kind, restarted, more, doubtful: false, passing_ids: false }
    }
}
