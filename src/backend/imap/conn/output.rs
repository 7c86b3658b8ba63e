//! What goes out: commands in their order, each as far as the server lets it, and messages that are read while they are sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::backend::{Outgoing, Pieces};
use crate::model::{Class, Error, Result, Scope};
use crate::wire::imap::{Encoded, Part};

/// So many octets wait for the socket before more is made ready.
const AHEAD: usize = 256 << 10;

/// The octets of one message on their way out.
pub(in crate::backend::imap) struct Body {
    /// Read and not yet sent.
    head: VecDeque<Bytes>,
    /// What gives the rest; `None` when all was read.
    rest: Option<Box<dyn Pieces>>,
    /// Octets that `rest` has to give.
    left: u64,
}

impl Body {
    /// Opens a message and reads `ahead` octets of it, or all of a shorter one: whatever is wrong with it shows before the server hears of
    /// it. Errors are about the message alone.
    pub async fn open(message: &dyn Outgoing, ahead: u64) -> Result<Self> {
        let octets = message.octets();
        let rest = message.open().await.map_err(|e| e.scope(Scope::Message))?;
        let mut body = Self { head: VecDeque::new(), rest: Some(rest), left: octets };
        while body.rest.is_some() && (octets <= ahead || octets - body.left < ahead) {
            body.read().await?;
        }
        Ok(body)
    }

    /// Reads the next piece. Not one octet more or less than was announced ever goes out as whole.
    async fn read(&mut self) -> Result<()> {
        let Some(rest) = &mut self.rest else { return Ok(()) };
        let changed = |how| Err(Error::new(Class::Partial, "send a message", how).scope(Scope::Message));
        match rest.next().await.map_err(|e| e.scope(Scope::Message))? {
            Some(piece) if piece.len() as u64 <= self.left => {
                self.left -= piece.len() as u64;
                if !piece.is_empty() {
                    self.head.push_back(piece);
                }
            }
            Some(_) => return changed("the file here has grown meanwhile"),
            None if self.left > 0 => return changed("the file here has become shorter meanwhile"),
            None => self.rest = None,
        }
        Ok(())
    }
}

/// A step of sending a command.
enum Chunk {
    Octets(Vec<u8>),
    /// The server must say `+` first.
    Await,
    Message(Body),
}

struct Queued {
    tag: String,
    chunks: VecDeque<Chunk>,
}

/// Everything that is to be sent.
#[derive(Default)]
pub(super) struct Output {
    /// Octets for the socket.
    pub ready: BytesMut,
    /// What of queued commands is not in `ready` yet.
    waiting: VecDeque<Queued>,
}

impl Output {
    /// Queues a command; `bodies` are its messages.
    pub fn queue(&mut self, tag: String, encoded: Encoded, bodies: Vec<Body>) {
        let mut bodies: Vec<Option<Body>> = bodies.into_iter().map(Some).collect();
        let chunks = encoded.parts.into_iter().filter_map(|part| match part {
            Part::Line(octets) => Some(Chunk::Octets(octets)),
            Part::AwaitContinuation => Some(Chunk::Await),
            Part::Message { index, .. } => bodies.get_mut(index).and_then(Option::take).map(Chunk::Message),
        });
        self.waiting.push_back(Queued { tag, chunks: chunks.collect() });
        self.pump();
    }

    /// Makes ready what may be sent and is there.
    pub fn pump(&mut self) {
        while self.ready.len() < AHEAD {
            let Some(queued) = self.waiting.front_mut() else { return };
            match queued.chunks.front_mut() {
                Some(Chunk::Octets(octets)) => {
                    self.ready.extend_from_slice(octets);
                    queued.chunks.pop_front();
                }
                Some(Chunk::Await) => return,
                Some(Chunk::Message(body)) => match body.head.pop_front() {
                    Some(piece) => self.ready.extend_from_slice(&piece),
                    None if body.rest.is_some() => return,
                    None => {
                        queued.chunks.pop_front();
                    }
                },
                None => {
                    self.waiting.pop_front();
                }
            }
        }
    }

    fn next(&mut self) -> Option<&mut Chunk> {
        self.waiting.front_mut().and_then(|queued| queued.chunks.front_mut())
    }

    /// Whether more can be made ready once the socket has taken what is.
    pub fn has_more(&mut self) -> bool {
        self.next().is_some_and(|chunk| !matches!(chunk, Chunk::Await))
    }

    /// Whether a message must be read for anything to go on.
    pub fn is_hungry(&mut self) -> bool {
        self.ready.len() < AHEAD && self.has_more()
    }

    /// Reads on in the message that is being sent.
    pub async fn read(&mut self) -> Result<()> {
        if let Some(Chunk::Message(body)) = self.next() {
            body.read().await?;
        }
        self.pump();
        Ok(())
    }

    /// The server said `+`; false when nothing waited for it.
    pub fn go_ahead(&mut self) -> bool {
        let waited = matches!(self.next(), Some(Chunk::Await));
        if waited && let Some(queued) = self.waiting.front_mut() {
            queued.chunks.pop_front();
            self.pump();
        }
        waited
    }

    /// The command `tag` was answered. What of it waits for the server will not be sent any more; what was announced without waiting must
    /// be, because the server counts its octets.
    pub fn answered(&mut self, tag: &str) {
        let Some(at) = self.waiting.iter().position(|queued| queued.tag == tag) else { return };
        if at > 0 {
            self.waiting.remove(at);
        } else if let Some(queued) = self.waiting.front_mut() {
            let keep = queued.chunks.iter().position(|chunk| matches!(chunk, Chunk::Await)).unwrap_or(queued.chunks.len());
            queued.chunks.truncate(keep);
        }
        self.pump();
    }

    /// Nothing more is made ready. The command whose message was being sent.
    pub fn tear(&mut self) -> Option<String> {
        let torn = self.waiting.pop_front().map(|queued| queued.tag);
        self.waiting.clear();
        torn
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use async_trait::async_trait;

    use super::*;
    use crate::wire::imap::{Appended, Command};

    /// Says that it has `octets`, and gives so many pieces of 1000, counted.
    #[derive(Debug)]
    struct Endless {
        octets: u64,
        pieces: usize,
        read: Arc<AtomicUsize>,
    }

    struct Given(usize, Arc<AtomicUsize>);

    #[async_trait]
    impl Outgoing for Endless {
        fn octets(&self) -> u64 {
            self.octets
        }

        async fn open(&self) -> Result<Box<dyn Pieces>> {
            Ok(Box::new(Given(self.pieces, self.read.clone())))
        }
    }

    #[async_trait]
    impl Pieces for Given {
        async fn next(&mut self) -> Result<Option<Bytes>> {
            self.1.fetch_add(1, Relaxed);
            let Some(left) = self.0.checked_sub(1) else { return Ok(None) };
            self.0 = left;
            Ok(Some(vec![b'x'; 1000].into()))
        }
    }

    fn message(octets: u64, pieces: usize) -> Endless {
        Endless { octets, pieces, read: Arc::default() }
    }

    fn append(octets: u64, free: u64) -> Encoded {
        let messages = [Appended { flags: &[], date: None, octets }];
        Command::Append { mailbox: b"x", messages: &messages }.encode("A1").unwrap().without_waiting(0, free)
    }

    #[tokio::test]
    async fn a_message_is_read_as_the_socket_takes_it() {
        let message = message(5_000_000, 5000);
        let mut output = Output::default();
        output.queue("A1".into(), append(5_000_000, 0), vec![Body::open(&message, 10_000).await.unwrap()]);
        output.queue("A2".into(), Command::Noop.encode("A2").unwrap(), Vec::new());
        assert_eq!((message.read.load(Relaxed), output.has_more()), (10, false));
        assert!(output.ready.ends_with(b"{5000000}\r\n"));
        output.ready.clear();
        assert!(output.go_ahead() && !output.go_ahead());
        let mut sent = 0;
        while output.has_more() || !output.ready.is_empty() {
            while output.is_hungry() {
                output.read().await.unwrap();
            }
            assert!(output.ready.len() < AHEAD + 2000, "the whole message in memory");
            sent += output.ready.len();
            output.ready.clear();
            output.pump();
        }
        assert_eq!(sent, 5_000_000 + b"\r\nA2 NOOP\r\n".len());
    }

    #[tokio::test]
    async fn a_file_of_another_size_is_found_before_or_torn() {
        for (octets, pieces) in [(10_000, 9), (10_000, 11), (0, 1)] {
            let error = Body::open(&message(octets, pieces), 20_000).await.err().unwrap();
            assert_eq!(error.scope, Scope::Message);
        }
        let mut output = Output::default();
        output.queue("A1".into(), append(10_000, 10_000), vec![Body::open(&message(10_000, 9), 2000).await.unwrap()]);
        output.queue("A2".into(), Command::Noop.encode("A2").unwrap(), Vec::new());
        let error = loop {
            assert!(output.is_hungry());
            if let Err(error) = output.read().await {
                break error;
            }
        };
        assert_eq!(error.scope, Scope::Message);
        assert_eq!(output.tear().as_deref(), Some("A1"));
        assert!(!output.has_more());
    }

    #[tokio::test]
    async fn an_early_answer_ends_what_waits_and_not_what_was_announced() {
        let mut output = Output::default();
        output.queue("A1".into(), append(3000, 0), vec![Body::open(&message(3000, 3), 0).await.unwrap()]);
        output.ready.clear();
        output.answered("A1");
        assert!(output.ready.is_empty() && !output.has_more());
        output.queue("A1".into(), append(3000, 3000), vec![Body::open(&message(3000, 3), 0).await.unwrap()]);
        output.answered("A1");
        while output.has_more() {
            output.read().await.unwrap();
        }
        assert!(output.ready.ends_with(b"x\r\n"));
    }
}
