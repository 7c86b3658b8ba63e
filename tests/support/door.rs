//! The back door to a server: by seed.py, door.py and doveadm, never by the code under test.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::server::Server;

/// A message as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// UID.
    pub uid: u32,
    /// Flags and keywords, sorted, without `\Recent`.
    pub flags: Vec<String>,
    /// Internal date, seconds since 1970.
    pub date: i64,
    /// RFC822.SIZE.
    pub size: u64,
    /// SHA-256 of the bytes on the wire, in hex.
    pub sha256: String,
    /// SHA-256 with CRLF taken as LF, in hex.
    pub identity: String,
}

/// Mailboxes and their messages, by decoded name.
pub type Mailboxes = BTreeMap<String, Vec<Letter>>;

/// Those that nobody uses right now; they end with this process, because their standard input does.
static DOORS: Mutex<Vec<Door>> = Mutex::new(Vec::new());

/// A running `door.py serve`.
struct Door {
    _process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Door {
    fn open(dir: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/door.py");
        // No .pyc files in the tree.
        let mut door = Command::new("python3");
        door.arg("-B").arg(script).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        // A pipe of ours would be held open for a moment after the tests have ended.
        let words = File::options().append(true).create(true).open(dir.join("door.err")).unwrap();
        let child = door.stderr(words).spawn();
        let mut child = child.unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { _process: child, input, output }
    }

    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Server {
    fn python(&self, script: &str, arguments: &[&str]) -> String {
        let dir = self.dir.to_str().unwrap();
        let line: Vec<&str> = [script, dir].into_iter().chain(arguments.iter().copied()).collect();
        // One for each thread that wants something at the same time.
        let idle = DOORS.lock().unwrap().pop();
        let mut door = idle.unwrap_or_else(|| Door::open(&self.dir));
        let answer = door.ask(&serde_json::to_string(&line).unwrap());
        DOORS.lock().unwrap().push(door);
        let error = answer["error"].as_str();
        assert!(error.is_none(), "{line:?}: {}", error.unwrap_or_default());
        answer["out"].as_str().unwrap().to_owned()
    }

    /// Appends generated messages.
    pub fn generate(&self, user: &str, mailbox: &str, count: usize, seed: &str) {
        self.python("seed", &[user, mailbox, "--count", &count.to_string(), "--seed", seed]);
    }

    /// seed.py with any options.
    pub fn seed(&self, user: &str, arguments: &[&str]) {
        self.python("seed", &[&[user], arguments].concat());
    }

    /// Appends one message.
    pub fn append(&self, user: &str, mailbox: &str, message: &[u8], flags: &str, date: i64) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), message).unwrap();
        let path = file.path().to_str().unwrap();
        self.python("seed", &[user, mailbox, path, "--flags", flags, "--date", &date.to_string()]);
    }

    /// Makes mailboxes.
    pub fn create(&self, user: &str, mailboxes: &[&str]) {
        self.python("seed", &[&[user, "INBOX", "--create"], mailboxes].concat());
    }

    /// Many small messages, fast; the same name gives the same bytes.
    pub fn fill(&self, user: &str, mailbox: &str, count: usize, name: &str) {
        self.python("door", &[user, "fill", mailbox, &count.to_string(), name]);
    }

    /// Many deeds on one connection: see door.py.
    pub fn deeds(&self, user: &str, deeds: &Value) {
        self.python("door", &[user, "do", &deeds.to_string()]);
    }

    /// Everything that the user has.
    pub fn list(&self, user: &str) -> Mailboxes {
        let json: Value = serde_json::from_str(&self.python("door", &[user, "list"])).unwrap();
        let letters = |list: &Value| list.as_array().unwrap().iter().map(letter).collect();
        json.as_object().unwrap().iter().map(|(name, list)| (name.clone(), letters(list))).collect()
    }

    /// Writes the bodies of a mailbox to `out/UID.eml`.
    pub fn bodies(&self, user: &str, mailbox: &str, out: &Path) {
        self.python("door", &[user, "bodies", mailbox, out.to_str().unwrap()]);
    }

    /// Adds (`+\Seen $Work`) or takes (`-\Seen`) flags.
    pub fn store(&self, user: &str, mailbox: &str, uids: &str, change: &str) {
        self.python("door", &[user, "store", mailbox, uids, change]);
    }

    /// Removes messages for good.
    pub fn expunge(&self, user: &str, mailbox: &str, uids: &str) {
        self.python("door", &[user, "expunge", mailbox, uids]);
    }

    /// Removes a mailbox, with all that is in it.
    pub fn drop_mailbox(&self, user: &str, mailbox: &str) {
        self.python("door", &[user, "drop", mailbox]);
    }

    /// Names of the mailboxes that the user is subscribed to.
    pub fn subscribed(&self, user: &str) -> Vec<String> {
        serde_json::from_str(&self.python("door", &[user, "subscribed"])).unwrap()
    }

    /// Gives a mailbox another UIDVALIDITY; its messages keep their order.
    pub fn renumber(&self, user: &str, mailbox: &str, validity: u32) {
        self.adm(&["mailbox", "update", "-u", user, "--uid-validity", &validity.to_string(), mailbox]);
    }
}

fn letter(json: &Value) -> Letter {
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    let mut flags: Vec<String> = json["flags"].as_array().unwrap().iter().map(|f| f.as_str().unwrap().to_owned()).collect();
    flags.retain(|f| f != "\\Recent");
    flags.sort();
    Letter {
        uid: json["uid"].as_u64().unwrap() as u32,
        flags,
        date: json["date"].as_i64().unwrap(),
        size: json["size"].as_u64().unwrap(),
        sha256: text("sha256"),
        identity: text("identity"),
    }
}
