//! A line for each message to the system's log, as mail programs write them.

use std::os::unix::net::UnixDatagram;

use super::Settled;
use crate::model::Verdict;

/// Where the system listens.
const SOCKET: &str = "/dev/log";
/// Facility mail, severity info and warning (RFC 5424 §6.2.1).
const INFO: u8 = (2 << 3) | 6;
const WARNING: u8 = (2 << 3) | 4;

/// Tells what became of a message. A system without a log is none of its business.
pub fn tell(account: &str, settled: &Settled, error: Option<&str>) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    if socket.connect(path()).is_err() {
        return;
    }
    for (severity, line) in lines(account, settled, error) {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect();
        // Nobody waits for it, and nothing hangs on it.
        let _ = socket.send(format!("<{severity}>mailx[{}]: {line}", std::process::id()).as_bytes());
    }
}

#[cfg(not(feature = "testing"))]
fn path() -> std::path::PathBuf {
    SOCKET.into()
}

/// Tests listen elsewhere.
#[cfg(feature = "testing")]
fn path() -> std::path::PathBuf {
    std::env::var_os("MAILX_TEST_SYSLOG").map_or_else(|| SOCKET.into(), Into::into)
}

fn lines(account: &str, settled: &Settled, error: Option<&str>) -> Vec<(u8, String)> {
    let from = settled.from.as_ref().map(ToString::to_string).unwrap_or_default();
    let id = settled.message_id.as_deref().unwrap_or("-");
    let queue = if settled.id.is_empty() { "-" } else { &settled.id };
    let head = format!("account={account} id={queue} message-id={id} from=<{from}> size={}", settled.octets);
    if settled.verdicts.is_empty() {
        let (severity, status) = error.map_or((INFO, "queued".into()), |why| (WARNING, format!("deferred ({why})")));
        return vec![(severity, format!("{head} status={status}"))];
    }
    let line = |(to, verdict): &(crate::model::Address, Verdict)| {
        let (severity, word, words) = match verdict {
            Verdict::Accepted(words) => (INFO, "sent", words),
            Verdict::Refused(words) => (WARNING, "refused", words),
            Verdict::Later(words) => (WARNING, "deferred", words),
            Verdict::Uncertain(words) => (WARNING, "uncertain", words),
        };
        (severity, format!("{head} to=<{to}> status={word} ({words})"))
    };
    settled.verdicts.iter().map(line).collect()
}
