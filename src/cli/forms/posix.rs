//! The command line of mailx as POSIX has it, sending only, with s-nail's meanings: `mailx -s "backup ok" ops@example.org`.

use std::ffi::OsString;
use std::path::Path;

use super::{assigned, options, send, wrong};
use crate::model::Result;

/// Options that take a value.
const WITH_VALUE: &str = "scbraAq";

/// Our words for POSIX mailx's.
pub(super) fn translate(words: &[OsString]) -> Result<Vec<OsString>> {
    let mut ours = send("mailx");
    let operands = options(words, WITH_VALUE, |letter, value| {
        let value = value.unwrap_or_default();
        match letter {
            's' => ours.push(assigned("--subject", &value)),
            'c' => ours.push(assigned("--cc", &value)),
            'b' => ours.push(assigned("--bcc", &value)),
            'r' => ours.push(assigned("--from", &value)),
            'A' => ours.push(assigned("--account", &value)),
            'q' => ours.push(assigned("--body-file", &value)),
            'E' => ours.push("--skip-empty".into()),
            't' => ours.push("-t".into()),
            'v' => ours.push("-v".into()),
            // A file, or, as other mailx programs have it, a header field.
            'a' if Path::new(&value).exists() => ours.push(assigned("--attach", &value)),
            'a' if value.to_string_lossy().contains(": ") => ours.push(assigned("--header", &value)),
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
    ours.push("--".into());
    ours.extend(operands);
    Ok(ours)
}
