//! The message that another one answers, where both sides have it: its server can then mark it as answered.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use mail_parser::MessageParser;

use crate::app::run::layout;
use crate::config::Account;
use crate::engine::send::header::Header;
use crate::store::disk::OsDisk;
use crate::store::outbox::Entry;
use crate::store::state::SqliteOpener;
use crate::store::survey;

/// Messages that are looked at, the newest: most are answered soon.
const MOST: usize = 2000;

/// The Message-ID that a header answers, and whether it forwards that message.
pub(super) fn named(header: &Header) -> Option<(String, bool)> {
    let of = |name, forwards| Some((header.values(name).into_iter().next()?, forwards));
    of("in-reply-to", false).or_else(|| of("x-forwarded-message-id", true))
}

/// The Message-ID of a message in a file.
pub(super) fn message_id(path: &Path) -> Option<String> {
    let mut input = BufReader::new(File::open(path).ok()?);
    Header::look(&mut input).ok()?.0.message_id()
}

/// Looks for a message among those that the account's state knows, as [`Entry::answers`] wants it. No more than a service: whatever is wrong
/// with the state shows where it is needed.
pub(super) fn find(account: &Account, message_id: &str, forwards: bool) -> Option<(String, String, String)> {
    if !account.sends_itself() {
        return None;
    }
    let wanted = message_id.trim().trim_matches(['<', '>']);
    let mut found = None;
    let place = (account.maildir.as_path(), layout(account.layout));
    let looked = survey::newest(&OsDisk, &SqliteOpener, place, &|_| true, MOST, &mut |here| {
        // Parsed only where it stands there at all.
        let is = memchr::memmem::find(here.header, wanted.as_bytes()).is_some()
            && MessageParser::default().parse_headers(here.header).is_some_and(|message| message.message_id() == Some(wanted));
        if is {
            found = Some(Entry::answering(forwards, &here.folder.remote, here.remote));
        }
        is
    });
    if let Err(error) = looked {
        tracing::debug!("what is answered cannot be looked for: {error}");
    }
    found
}
