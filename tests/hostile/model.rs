//! The peer's mailboxes, and the honest answer to every command that `fetch` sends.

use std::fmt::Write as _;

use super::peer::{Call, Conn, Step};

/// A message of the model.
#[derive(Clone, Debug)]
pub struct Message {
    pub uid: u32,
    pub flags: Vec<String>,
    pub date: String,
    pub body: Vec<u8>,
    pub email_id: Option<String>,
}

/// A mailbox of the model.
#[derive(Clone, Debug)]
pub struct Folder {
    /// As it goes over the wire, between quotes or as a literal.
    pub name: Vec<u8>,
    pub delimiter: String,
    pub attributes: String,
    /// `None`: SELECT and STATUS do not tell.
    pub validity: Option<u64>,
    pub messages: Vec<Message>,
    /// What SELECT and STATUS claim, where they lie.
    pub exists: Option<u64>,
    pub next: Option<u64>,
}

impl Folder {
    pub fn new(name: impl AsRef<[u8]>, messages: Vec<Message>) -> Self {
        let (delimiter, attributes) = ("\"/\"".into(), String::new());
        Self { name: name.as_ref().to_vec(), delimiter, attributes, validity: Some(7), messages, exists: None, next: None }
    }

    fn next(&self) -> u64 {
        self.next.unwrap_or_else(|| u64::from(self.messages.iter().map(|m| m.uid).max().unwrap_or(0)) + 1)
    }

    fn exists(&self) -> u64 {
        self.exists.unwrap_or(self.messages.len() as u64)
    }
}

/// `n` messages of distinct content.
pub fn mail(n: u32) -> Vec<Message> {
    (1..=n).map(|uid| message(uid, text("mail", uid))).collect()
}

pub fn message(uid: u32, body: impl Into<Vec<u8>>) -> Message {
    Message { uid, flags: Vec::new(), date: "17-Jul-2024 02:44:25 +0200".into(), body: body.into(), email_id: None }
}

pub fn text(what: &str, n: u32) -> String {
    format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: {what} {n}\r\nMessage-ID: <{what}.{n}@example.org>\r\n\r\nBody of {what} {n}.\r\n"
    )
}

/// The whole server.
#[derive(Clone, Debug)]
pub struct World {
    pub folders: Vec<Folder>,
    /// Capabilities, the same before and after login and TLS.
    pub caps: String,
    pub greeting: String,
    /// The refusal that a synchronising literal gets instead of `+`; the empty one is silence.
    pub literals: Option<String>,
}

/// What a modern server offers.
pub const MODERN: &str =
    "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ ENABLE ESEARCH UIDPLUS LIST-EXTENDED LIST-STATUS SPECIAL-USE NAMESPACE MOVE";

impl World {
    pub fn new(folders: Vec<Folder>) -> Self {
        Self { folders, caps: MODERN.into(), greeting: "* OK ready".into(), literals: None }
    }

    /// One INBOX with `n` messages.
    pub fn inbox(n: u32) -> Self {
        Self::new(vec![Folder::new("INBOX", mail(n))])
    }

    pub fn caps(mut self, caps: &str) -> Self {
        self.caps = caps.into();
        self
    }

    pub fn folder(&mut self, name: &str) -> &mut Folder {
        self.folders.iter_mut().find(|f| f.name == name.as_bytes()).unwrap()
    }

    /// The honest answer.
    pub fn answer(&mut self, call: &Call, conn: &mut Conn) -> Vec<Step> {
        let tag = &call.tag;
        let ok = |text: &str| format!("{tag} OK {text}\r\n").into_bytes();
        let has = |cap: &str| self.caps.split(' ').any(|c| c == cap);
        let sent = |bytes: Vec<u8>| vec![Step::Send(bytes)];
        match call.name.as_str() {
            "CAPABILITY" => sent([format!("* CAPABILITY {}\r\n", self.caps).into_bytes(), ok("done")].concat()),
            "STARTTLS" => vec![Step::Send(ok("begin")), Step::StartTls],
            "LOGIN" => sent(ok(&format!("[CAPABILITY {}] in", self.caps))),
            "AUTHENTICATE" => {
                let done = Step::Send(ok(&format!("[CAPABILITY {}] in", self.caps)));
                if call.args.contains(' ') { vec![done] } else { vec![Step::Send(b"+ \r\n".to_vec()), Step::Read, done] }
            }
            "LOGOUT" => vec![Step::Send([b"* BYE bye\r\n".to_vec(), ok("out")].concat()), Step::CloseNotify],
            "LIST" if call.args.contains("RETURN") && !has("LIST-EXTENDED") => sent(format!("{tag} BAD no RETURN\r\n").into_bytes()),
            "LIST" => {
                let status = call.args.contains("STATUS (");
                let mut out = Vec::new();
                for folder in &self.folders {
                    out.extend(format!("* LIST ({}) {} ", folder.attributes, folder.delimiter).into_bytes());
                    out.extend(spelled(&folder.name));
                    out.extend(b"\r\n");
                    if status {
                        out.extend(status_line(folder));
                    }
                }
                sent([out, ok("listed")].concat())
            }
            "STATUS" => match self.find(call) {
                Some(at) => sent([status_line(&self.folders[at]), ok("done")].concat()),
                None => sent(format!("{tag} NO no such mailbox\r\n").into_bytes()),
            },
            "SELECT" | "EXAMINE" => {
                conn.selected = self.find(call);
                match conn.selected {
                    Some(at) => {
                        let folder = &self.folders[at];
                        let mut out = format!("* {} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n", folder.exists());
                        let _ = write!(out, "* OK [UIDNEXT {}] next\r\n", folder.next());
                        if let Some(validity) = folder.validity {
                            let _ = write!(out, "* OK [UIDVALIDITY {validity}] valid\r\n");
                        }
                        sent([out.into_bytes(), ok(if call.name == "SELECT" { "[READ-WRITE] open" } else { "[READ-ONLY] open" })].concat())
                    }
                    None => sent(format!("{tag} NO no such mailbox\r\n").into_bytes()),
                }
            }
            "UID FETCH" => self.fetch(call, conn),
            "UID SEARCH" if call.args.starts_with("RETURN") && !has("ESEARCH") => sent(format!("{tag} BAD no RETURN\r\n").into_bytes()),
            "UID SEARCH" => {
                let Some(folder) = conn.selected.map(|at| &self.folders[at]) else { return unselected(tag) };
                let criteria = call.args.strip_prefix("RETURN (ALL) ").unwrap_or(&call.args);
                let fits = |m: &&Message| match criteria.strip_prefix("UID ") {
                    Some(set) => in_set(set, m.uid),
                    None => m.flags.iter().any(|f| f == "\\Deleted"),
                };
                let found: Vec<String> = folder.messages.iter().filter(fits).map(|m| m.uid.to_string()).collect();
                let line = match (call.args.starts_with("RETURN"), found.is_empty()) {
                    (true, true) => format!("* ESEARCH (TAG \"{tag}\") UID\r\n"),
                    (true, false) => format!("* ESEARCH (TAG \"{tag}\") UID ALL {}\r\n", found.join(",")),
                    (false, _) => format!("* SEARCH {}\r\n", found.join(" ")),
                };
                sent([line.into_bytes(), ok("found")].concat())
            }
            "UID STORE" => {
                let Some(folder) = conn.selected.map(|at| &mut self.folders[at]) else { return unselected(tag) };
                let set = call.args.split(' ').next().unwrap_or_default();
                let flags = call.args.split_once('(').map_or("", |(_, flags)| flags.trim_end_matches(')'));
                let flags: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
                for message in folder.messages.iter_mut().filter(|m| in_set(set, m.uid)) {
                    message.flags.retain(|f| !flags.contains(f));
                    if call.args.contains(" +FLAGS") {
                        message.flags.extend(flags.iter().cloned());
                    }
                }
                sent(ok("stored"))
            }
            "EXPUNGE" | "UID EXPUNGE" => {
                let Some(folder) = conn.selected.map(|at| &mut self.folders[at]) else { return unselected(tag) };
                let all = call.name == "EXPUNGE";
                folder.messages.retain(|m| !(m.flags.iter().any(|f| f == "\\Deleted") && (all || in_set(&call.args, m.uid))));
                sent(ok("expunged"))
            }
            "APPEND" => {
                let Some(at) = self.find(call) else { return sent(format!("{tag} NO [TRYCREATE] no such mailbox\r\n").into_bytes()) };
                let (first, mut uids) = (self.folders[at].next(), Vec::new());
                for (n, (flags, body)) in appended(call).into_iter().enumerate() {
                    let uid = u32::try_from(first).unwrap() + n as u32;
                    uids.push(uid);
                    self.folders[at].messages.push(Message { flags, ..message(uid, body) });
                }
                let uids = if let [uid] = uids[..] { uid.to_string() } else { format!("{}:{}", uids[0], uids[uids.len() - 1]) };
                let validity = self.folders[at].validity.unwrap_or(0);
                sent(ok(&if has("UIDPLUS") { format!("[APPENDUID {validity} {uids}] appended") } else { "appended".into() }))
            }
            "CREATE" => {
                if self.find(call).is_some() {
                    return sent(format!("{tag} NO [ALREADYEXISTS] there is one\r\n").into_bytes());
                }
                self.folders.push(Folder::new(call.mailbox(), Vec::new()));
                sent(ok("made"))
            }
            "DELETE" => match self.find(call) {
                Some(at) => {
                    self.folders.remove(at);
                    sent(ok("removed"))
                }
                None => sent(format!("{tag} NO no such mailbox\r\n").into_bytes()),
            },
            "UID COPY" => {
                let set = call.args.split(' ').next().unwrap_or_default().to_owned();
                let Some(to) = self.find(call) else { return sent(format!("{tag} NO [TRYCREATE] no such mailbox\r\n").into_bytes()) };
                let Some(from) = conn.selected else { return unselected(tag) };
                let copies: Vec<Message> = self.folders[from].messages.iter().filter(|m| in_set(&set, m.uid)).cloned().collect();
                let list = |uids: Vec<u32>| uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                let (source, mut destination) = (list(copies.iter().map(|m| m.uid).collect()), Vec::new());
                for mut message in copies {
                    message.uid = u32::try_from(self.folders[to].next()).unwrap();
                    destination.push(message.uid);
                    self.folders[to].messages.push(message);
                }
                let validity = self.folders[to].validity.unwrap_or(0);
                let pairs = has("UIDPLUS") && !destination.is_empty();
                sent(ok(&if pairs { format!("[COPYUID {validity} {source} {}] copied", list(destination)) } else { "copied".into() }))
            }
            "UID MOVE" => {
                let set = call.args.split(' ').next().unwrap_or_default().to_owned();
                let Some(to) = self.find(call) else { return sent(format!("{tag} NO [TRYCREATE] no such mailbox\r\n").into_bytes()) };
                let Some(from) = conn.selected else { return unselected(tag) };
                let (moved, stay) = self.folders[from].messages.drain(..).partition(|m: &Message| in_set(&set, m.uid));
                self.folders[from].messages = stay;
                for mut message in moved {
                    message.uid = u32::try_from(self.folders[to].next()).unwrap();
                    self.folders[to].messages.push(message);
                }
                sent(ok("moved"))
            }
            "COMPRESS" if has("COMPRESS=DEFLATE") => vec![Step::Send(ok("deflate")), Step::Compress],
            "NAMESPACE" => sent([b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n".to_vec(), ok("done")].concat()),
            "ENABLE" => sent([b"* ENABLED\r\n".to_vec(), ok("done")].concat()),
            "NOOP" | "UNSELECT" | "CLOSE" | "ID" | "SUBSCRIBE" | "UNSUBSCRIBE" => sent(ok("done")),
            _ => sent(format!("{tag} BAD unknown command\r\n").into_bytes()),
        }
    }

    /// The mailbox that the last argument names; wire names compare octet by octet, INBOX in any case.
    fn find(&self, call: &Call) -> Option<usize> {
        let name = call.mailbox();
        self.folders.iter().position(|f| f.name == name || (f.name.eq_ignore_ascii_case(b"INBOX") && name.eq_ignore_ascii_case(b"INBOX")))
    }

    fn fetch(&self, call: &Call, conn: &Conn) -> Vec<Step> {
        let Some(folder) = conn.selected.map(|at| &self.folders[at]) else { return unselected(&call.tag) };
        let (set, items) = call.args.split_once(' ').unwrap();
        // Modifiers such as CHANGEDSINCE: that everything changed is never wrong.
        let items = items.split_once(") (").map_or(items, |(items, _)| items);
        let mut out = Vec::new();
        for (seq, message) in folder.messages.iter().enumerate().filter(|(_, m)| in_set(set, m.uid)) {
            out.extend(fetch_response(seq + 1, message, items));
        }
        out.extend(format!("{} OK fetched\r\n", call.tag).into_bytes());
        vec![Step::Send(out)]
    }
}

/// Flags and octets of the messages of an APPEND whose octets are ASCII.
fn appended(call: &Call) -> Vec<(Vec<String>, Vec<u8>)> {
    let (mut rest, mut found) = (call.args.as_str(), Vec::new());
    for literal in &call.literals {
        let (head, tail) = rest.split_once('}').unwrap();
        let flags = head.split_once('(').and_then(|(_, flags)| flags.split_once(')')).map_or("", |(flags, _)| flags);
        found.push((flags.split_whitespace().map(str::to_owned).collect(), literal.clone()));
        rest = &tail[literal.len()..];
    }
    found
}

fn unselected(tag: &str) -> Vec<Step> {
    vec![Step::Send(format!("{tag} BAD no mailbox is selected\r\n").into_bytes())]
}

/// One FETCH response with what `items` asks for.
pub fn fetch_response(seq: usize, message: &Message, items: &str) -> Vec<u8> {
    let mut out = format!("* {seq} FETCH (UID {}", message.uid).into_bytes();
    let literal = |item: &str, bytes: &[u8]| [format!(" {item} {{{}}}\r\n", bytes.len()).as_bytes(), bytes].concat();
    for item in items.trim_matches(['(', ')']).split(' ') {
        match item {
            "FLAGS" => out.extend(format!(" FLAGS ({})", message.flags.join(" ")).into_bytes()),
            "INTERNALDATE" => out.extend(format!(" INTERNALDATE \"{}\"", message.date).into_bytes()),
            "RFC822.SIZE" => out.extend(format!(" RFC822.SIZE {}", message.body.len()).into_bytes()),
            "EMAILID" => out.extend(message.email_id.iter().flat_map(|id| format!(" EMAILID ({id})").into_bytes())),
            "X-GM-MSGID" => out.extend(message.email_id.iter().flat_map(|id| format!(" X-GM-MSGID {id}").into_bytes())),
            "BODY.PEEK[]" | "BODY[]" => out.extend(literal("BODY[]", &message.body)),
            "BODY.PEEK[HEADER]" => {
                let end = message.body.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.body.len(), |at| at + 4);
                out.extend(literal("BODY[HEADER]", &message.body[..end]));
            }
            _ => {}
        }
    }
    out.extend(b")\r\n");
    out
}

/// A mailbox name as a quoted string where it can be one, else as a literal.
fn spelled(name: &[u8]) -> Vec<u8> {
    if name.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return [format!("{{{}}}\r\n", name.len()).as_bytes(), name].concat();
    }
    let mut out = vec![b'"'];
    for b in name {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
    out
}

fn status_line(folder: &Folder) -> Vec<u8> {
    let mut out = b"* STATUS ".to_vec();
    out.extend(spelled(&folder.name));
    out.extend(format!(" (MESSAGES {} UIDNEXT {}", folder.exists(), folder.next()).into_bytes());
    out.extend(folder.validity.iter().flat_map(|v| format!(" UIDVALIDITY {v}").into_bytes()));
    out.extend(b")\r\n");
    out
}

/// Whether a UID set names `uid`. (`n:*` without the rule about the last message: that is a hook's work.)
pub fn in_set(set: &str, uid: u32) -> bool {
    set.split(',').any(|range| {
        let number = |text: &str| if text == "*" { u32::MAX } else { text.parse().unwrap() };
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        (number(from)..=number(to)).contains(&uid)
    })
}
