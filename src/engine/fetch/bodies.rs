//! Bodies of one folder: asked for, led into the store, and accounted for when they do not come.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{BodySink, Missed, Part, Session, Want};
use crate::model::{Class, Error, Event, Fate, FolderPath, Observer, RemoteId, Result, Scope};
use crate::store::maildir::deliver::{Addressed, DeliveryStream, Target};
use crate::store::state::{LinkId, PendingLink};

use super::download::Shared;
use super::sessions::may_retry;
use super::{Job, blocking};

/// What is said of a message that may have come in part only, of a server that does not do so.
const SHORT: &str = "it came shorter than the server announced: it is stored, and the next run asks for it once more";
/// Octets between two events about them.
const TELL_EVERY: u64 = 64 << 10;

/// Fetches bodies, over several sessions if connections are lost. Those that failed before come last, so that no number of them keeps
/// the others away.
pub(super) async fn get(
    shared: &Shared<'_>,
    session: &mut Option<Box<dyn Session>>,
    stream: &mut DeliveryStream,
    job: &mut Job,
    target: &Arc<Target>,
    bodies: Vec<PendingLink>,
) -> Result<()> {
    let (mut again, fresh): (Vec<_>, Vec<_>) = bodies.into_iter().partition(|b| b.tries > 0);
    again.sort_by_key(|b| b.tries);
    get_in_turn(shared, session, stream, job, target, fresh).await?;
    get_in_turn(shared, session, stream, job, target, again).await
}

async fn get_in_turn(
    shared: &Shared<'_>,
    session: &mut Option<Box<dyn Session>>,
    stream: &mut DeliveryStream,
    job: &mut Job,
    target: &Arc<Target>,
    mut bodies: Vec<PendingLink>,
) -> Result<()> {
    let Some(cursor) = job.row.cursor.clone() else { return Ok(()) };
    // Messages at which the connection was lost come last, alone; those that then cost another one are given up in this run.
    let mut suspects: VecDeque<PendingLink> = VecDeque::new();
    let mut blamed: Vec<(LinkId, String)> = Vec::new();
    // A single message is to blame only where others came, or where it was to blame in an earlier run.
    let (mut came, mut given_up) = (false, Vec::new());
    let mut missed = Vec::new();
    while !bodies.is_empty() || !suspects.is_empty() {
        let alone = bodies.is_empty();
        if alone {
            bodies.extend(suspects.pop_front());
        }
        let wants: Vec<Want> = bodies.iter().map(|b| Want { id: b.remote.clone(), size: b.size }).collect();
        let open = match session {
            Some(open) => open,
            None => session.insert(shared.sessions.open().await?),
        };
        let prompt = open.hides_fetched();
        let mut sink = Sink { prompt, ..Sink::new(stream, target, &bodies, &job.row.path, &*shared.ctx.observer) };
        let fetched = open.fetch(&job.row.remote, &cursor, &wants, Part::Whole, &mut sink).await;
        sink.tell();
        job.ended += sink.ended;
        let Sink { settled, missed: more, short, .. } = sink;
        for (index, odd) in short {
            tracing::info!(id = ?bodies[index].remote, odd, "a message came shorter than announced");
            if odd {
                job.report.failed.push((bodies[index].remote.clone(), SHORT.into()));
            }
        }
        job.report.recovered.extend(came_after_all(&bodies, &settled, &more));
        missed.extend(more.into_iter().map(|(i, why)| (bodies[i].clone(), why)));
        let progress = settled.contains(&true);
        came |= progress;
        let mut settled = settled.into_iter();
        bodies.retain(|_| !settled.next().unwrap_or(false));
        match fetched {
            Ok(()) => {
                // Only a stopped run leaves messages that nobody answered for.
                bodies.clear();
                if shared.ctx.cancel.is_cancelled() {
                    break;
                }
            }
            Err(error) if may_retry(&error) || spoilt(&error) => {
                stream.cut().await?;
                // Nonsense stands where the first message is that did not come; a lost line blames one only when nothing came at all.
                if (spoilt(&error) || !progress) && !bodies.is_empty() {
                    let link = bodies.remove(0);
                    if alone {
                        came |= link.tries > 0;
                        given_up.push((link, Missed::Breaks(error.failed.clone())));
                    } else {
                        blamed.push((link.id, error.failed.clone()));
                        suspects.push_back(link);
                    }
                }
                *session = None;
                let lost = if !bodies.is_empty() || !suspects.is_empty() {
                    match shared.sessions.reopen(error.fate(Fate::Now)).await {
                        Ok(open) => {
                            *session = Some(open);
                            None
                        }
                        Err(error) => Some(error),
                    }
                } else {
                    (!came).then_some(error)
                };
                if let Some(error) = lost {
                    let given_up = if came { given_up } else { Vec::new() };
                    blamed.retain(|(id, _)| given_up.iter().all(|(link, _)| link.id != *id));
                    missed.extend(given_up);
                    record_missed(shared, job, missed).await?;
                    put_last(shared, blamed).await?;
                    return Err(error);
                }
            }
            Err(error) => {
                let _ = stream.cut().await;
                record_missed(shared, job, missed).await?;
                return Err(error);
            }
        }
    }
    missed.extend(given_up);
    record_missed(shared, job, missed).await
}

/// Whether the server's nonsense cost the session; the messages behind it may be sound.
fn spoilt(error: &Error) -> bool {
    error.class == Class::Protocol && error.scope == Scope::Session
}

/// Messages that may be to blame for a lost connection are asked for last in the next run.
async fn put_last(shared: &Shared<'_>, suspects: Vec<(LinkId, String)>) -> Result<()> {
    // A stopped run gives up on connections by itself: no message is to blame.
    if suspects.is_empty() || shared.ctx.cancel.is_cancelled() {
        return Ok(());
    }
    blocking(shared.store, move |store| store.state().mark_skipped(&suspects)).await
}

/// Records what did not come: gone there, or skipped and tried again every run.
async fn record_missed(shared: &Shared<'_>, job: &mut Job, missed: Vec<(PendingLink, Missed)>) -> Result<()> {
    if missed.is_empty() {
        return Ok(());
    }
    let (mut gone, mut skipped) = (Vec::new(), Vec::new());
    for (link, why) in missed {
        let reason = match why {
            Missed::Gone => {
                gone.push(link.id);
                continue;
            }
            // Said once: there is nothing to try again.
            Missed::Hidden(text) => {
                gone.push(link.id);
                shared.ctx.observer.on(&Event::Skipped { folder: &job.row.path, id: &link.remote, why: &text });
                job.report.failed.push((link.remote, text));
                continue;
            }
            Missed::Refused(text) => format!("the server refuses to give it: {text}"),
            Missed::Breaks(text) => format!("the connection does not survive it: {text}"),
            Missed::Unanswered => "the server lists it and does not give it".into(),
            Missed::TooLarge => "it is larger than 1 GiB".into(),
        };
        shared.ctx.observer.on(&Event::Skipped { folder: &job.row.path, id: &link.remote, why: &reason });
        skipped.push((link.id, reason.clone()));
        job.report.failed.push((link.remote, reason));
    }
    blocking(shared.store, move |store| {
        store.state().mark_skipped(&skipped)?;
        store.state().forget_wanted(&gone)
    })
    .await
}

/// Those that failed before, in this run or an earlier one, and came now.
fn came_after_all(bodies: &[PendingLink], settled: &[bool], missed: &[(usize, Missed)]) -> Vec<RemoteId> {
    let came = |(i, link): &(usize, &PendingLink)| link.tries > 0 && settled[*i] && missed.iter().all(|(n, _)| n != i);
    bodies.iter().enumerate().filter(came).map(|(_, link)| link.remote.clone()).collect()
}

/// Leads bodies into the store and remembers what was settled.
struct Sink<'a> {
    stream: &'a mut DeliveryStream,
    target: &'a Arc<Target>,
    bodies: &'a [PendingLink],
    settled: Vec<bool>,
    missed: Vec<(usize, Missed)>,
    folder: &'a FolderPath,
    observer: &'a dyn Observer,
    untold: u64,
    ended: u64,
    /// Those that came shorter than announced, and whether that is unusual.
    short: Vec<(usize, bool)>,
    /// Each is made durable before the next is asked for.
    prompt: bool,
}

impl<'a> Sink<'a> {
    fn new(
        stream: &'a mut DeliveryStream,
        target: &'a Arc<Target>,
        bodies: &'a [PendingLink],
        folder: &'a FolderPath,
        observer: &'a dyn Observer,
    ) -> Self {
        Self {
            stream,
            target,
            bodies,
            settled: vec![false; bodies.len()],
            missed: Vec::new(),
            folder,
            observer,
            untold: 0,
            ended: 0,
            short: Vec::new(),
            prompt: false,
        }
    }

    /// Hands a message that is complete to the store.
    async fn complete(&mut self, index: usize, short: bool) -> Result<()> {
        self.settled[index] = true;
        self.ended += 1;
        let link = &self.bodies[index];
        let to = Addressed { link: link.id, name: link.name.clone(), flags: link.flags.clone(), date: link.date, short };
        self.stream.end(to).await?;
        if self.prompt { self.stream.flush().await } else { Ok(()) }
    }

    fn tell(&mut self) {
        if self.untold > 0 {
            self.observer.on(&Event::BodyBytes { folder: self.folder, bytes: std::mem::take(&mut self.untold) });
        }
    }
}

#[async_trait]
impl BodySink for Sink<'_> {
    async fn begin(&mut self) -> Result<()> {
        self.stream.begin(self.target).await
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.untold += bytes.len() as u64;
        if self.untold >= TELL_EVERY {
            self.tell();
        }
        self.stream.chunk(bytes).await
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        self.complete(index, false).await
    }

    async fn end_short(&mut self, index: usize, odd: bool) -> Result<()> {
        self.short.push((index, odd));
        self.complete(index, true).await
    }

    async fn cut(&mut self) -> Result<()> {
        self.stream.cut().await
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        self.settled[index] = true;
        self.missed.push((index, why));
        Ok(())
    }
}
