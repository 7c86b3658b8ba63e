//! The command line of mailx as POSIX has it, sending only, with s-nail's meanings: `mailx -s "backup ok" ops@example.org`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::{assigned, options, send, wrong};
use crate::model::Result;

/// Options that take a value.
const WITH_VALUE: &str = "scbraAq";

/// Fields that have an option of the same name.
const OPTIONS: [&str; 6] = ["from", "to", "cc", "bcc", "reply-to", "content-type"];

/// Our words for POSIX mailx's.
pub(super) fn translate(words: &[OsString]) -> Result<Vec<OsString>> {
    let mut ours = send("mailx");
    // One of each at most; -r says more than a field.
    let (mut from, mut kind) = (None, None);
    let operands = options(words, WITH_VALUE, |letter, value| {
        let value = value.unwrap_or_default();
        match letter {
            's' => ours.push(assigned("--subject", &value)),
            'c' => ours.push(assigned("--cc", &value)),
            'b' => ours.push(assigned("--bcc", &value)),
            'r' => from = Some(value),
            'A' => ours.push(assigned("--account", &value)),
            'q' => ours.push(assigned("--body-file", &value)),
            'E' => ours.push("--skip-empty".into()),
            't' => ours.push("-t".into()),
            'v' => ours.push("-v".into()),
            // A file, or, as other mailx programs have it, a header field.
            'a' if Path::new(&value).exists() => ours.push(assigned("--attach", &value)),
            'a' if value.to_string_lossy().contains(": ") => match field(&value) {
                Some(("from", text)) => drop(from.get_or_insert(text)),
                Some(("content-type", text)) => kind = Some(text),
                Some((option, text)) => ours.push(assigned(&format!("--{option}"), &text)),
                None => ours.push(assigned("--header", &value)),
            },
            'a' => ours.push(assigned("--attach", &value)),
            // No system-wide start-up file, no interrupts: neither is there.
            'n' | 'i' => {}
            'f' | 'e' | 'H' | 'u' | 'N' | 'p' | 'L' => {
                return Err(wrong(format!("-{letter}: this mailx sends; read mail with `mailx fetch` and a mail reader")));
            }
            other => return Err(wrong(format!("-{other} is not known here"))),
        }
        Ok(())
    })?;
    for (option, value) in [("--from", from), ("--content-type", kind)] {
        ours.extend(value.map(|value| assigned(option, &value)));
    }
    ours.push("--".into());
    ours.extend(operands);
    Ok(ours)
}

/// A header field that an option stands for, and its value.
fn field(text: &OsStr) -> Option<(&'static str, OsString)> {
    let (name, value) = text.to_str()?.split_once(':')?;
    let option = OPTIONS.into_iter().find(|option| name.trim_end().eq_ignore_ascii_case(option))?;
    Some((option, value.trim().into()))
}
