//! sendmail's command line, as programs use it: `sendmail -t -i`, `sendmail -i -f me@example.org -- you@example.org`.

use std::ffi::OsString;

use super::{assigned, options, send, wrong};
use crate::model::Result;

/// Options that take a value.
const WITH_VALUE: &str = "fFrBNRVbohCeXLOdqpA";

/// Our words for sendmail's.
pub(super) fn translate(words: &[OsString]) -> Result<Vec<OsString>> {
    let mut ours = send("sendmail");
    let mut other: Option<&str> = None;
    // `-q` and `-d` take a value only in the same word.
    let words: Vec<OsString> = words.iter().filter(|word| *word != "-d").cloned().collect();
    let (words, flush): (Vec<OsString>, Vec<OsString>) = words.into_iter().partition(|word| !word.to_string_lossy().starts_with("-q"));
    let operands = options(&words, WITH_VALUE, |letter, value| {
        let value = value.unwrap_or_default();
        match letter {
            't' => ours.push("-t".into()),
            'f' | 'r' => ours.extend(["-f".into(), value]),
            'F' => ours.extend(["-F".into(), value]),
            'N' => ours.push(assigned("--dsn", &value)),
            'R' => ours.push(assigned("--dsn-return", &value)),
            'V' => ours.push(assigned("--dsn-id", &value)),
            'v' => ours.push("-v".into()),
            'b' => match value.to_str() {
                Some("m") => {}
                Some("p") => other = Some("list"),
                _ => return Err(wrong(format!("mailx is no mail server: -b{} is not done", value.display()))),
            },
            // How errors are told, hop counts, logs, configuration of another program: nothing that changes what is sent.
            'i' | 'n' | 'm' | 'U' | 'G' | 'x' | 'B' | 'o' | 'h' | 'C' | 'e' | 'X' | 'L' | 'O' | 'd' | 'p' | 'A' => {}
            other => return Err(wrong(format!("sendmail's -{other} is not known here"))),
        }
        Ok(())
    })?;
    if other.is_some() {
        return Ok(["mailx", "outbox", "list"].map(OsString::from).to_vec());
    }
    if !flush.is_empty() && operands.is_empty() {
        return Ok(["mailx", "send", "--flush"].map(OsString::from).to_vec());
    }
    ours.push("--".into());
    ours.extend(operands);
    Ok(ours)
}
