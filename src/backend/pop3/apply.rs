//! Removing messages: DELE marks, and QUIT's answer decides (RFC 1939 §6).

use crate::backend::{Order, Step};
use crate::model::{Class, Cursor, Error, Outcome, RemoteId, Result};
use crate::wire::pop3::{Command, Reply};

use super::conn::Expect;
use super::cursor::Known;
use super::{Pop3Session, Up, limits, renumbered};

/// What one order comes to.
enum Plan {
    Answered(Outcome),
    /// DELE of this message was sent.
    Asked(RemoteId),
}

impl Pop3Session {
    /// Carries out deletions, all of them in one session that QUIT ends: only its answer makes them true, so it belongs to them. The next
    /// use of this session logs in again.
    ///
    /// No answer to QUIT, or a refusal, is an error: what happened, the next listing tells. Until QUIT nothing has happened: whatever fails
    /// before it leaves every message where it is.
    pub(super) async fn remove(&mut self, cursor: &Cursor, orders: &[Order]) -> Result<Step> {
        if orders.is_empty() {
            return Ok(Step { outcomes: Vec::new(), cursor: None });
        }
        let silence = self.ctx.silence;
        let up = self.up().await?;
        let known = Known::decode(cursor).filter(|known| !known.is_void(&up.listing, up.quirks)).ok_or_else(renumbered)?;
        up.conn.bear(silence * limits::WORK);
        let outcomes = match up.mark(orders).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                // Without QUIT nothing that is marked goes.
                up.conn.give_up(&error.failed);
                return Err(error);
            }
        };
        let marked: Vec<&RemoteId> =
            orders.iter().zip(&outcomes).filter(|(_, o)| matches!(o, Outcome::Done { .. })).filter_map(|(order, _)| order.id()).collect();
        if marked.is_empty() {
            up.conn.bear(silence);
            return Ok(Step { outcomes, cursor: None });
        }
        let quit = up.conn.run(&Command::Quit).await;
        let cursor = known.without(marked.iter().copied()).encode();
        self.up = None;
        match quit {
            Ok(reply) if reply.ok => Ok(Step { outcomes, cursor: Some(cursor) }),
            Ok(reply) => Err(unsettled(marked.len(), &format!("the server does not confirm it: {}", reply.text))),
            Err(error) => Err(unsettled(marked.len(), &error.failed).scope(error.scope)),
        }
    }
}

/// The end of a session that decides about deletions was not confirmed.
fn unsettled(count: usize, failed: &str) -> Box<Error> {
    Error::new(Class::Temporary, format!("remove {count} messages from the server"), failed)
        .safe("every one of them is stored here; the next run finds out which have gone, and downloads none again")
}

impl Up {
    /// Marks what is to go. `Done` is not true before QUIT.
    async fn mark(&mut self, orders: &[Order]) -> Result<Vec<Outcome>> {
        let plans: Vec<Plan> = orders.iter().map(|order| self.plan(order)).collect();
        let together = self.pipelining();
        let mut outcomes = Vec::with_capacity(plans.len());
        let mut sent = 0;
        for (n, plan) in plans.iter().enumerate() {
            // As many as are borne ahead of the answer that is waited for.
            let ahead = if together { limits::IN_FLIGHT } else { 1 };
            while sent < plans.len() && sent < n + ahead {
                if let Plan::Asked(id) = &plans[sent]
                    && let Some(message) = self.listing.find(id)
                {
                    self.conn.queue(&Command::Dele(message.number), Expect::Line)?;
                }
                sent += 1;
            }
            outcomes.push(match plan {
                Plan::Answered(outcome) => outcome.clone(),
                Plan::Asked(_) => marked(self.conn.reply().await?),
            });
        }
        Ok(outcomes)
    }

    fn plan(&self, order: &Order) -> Plan {
        let refused = |why: &str| Plan::Answered(Outcome::Refused(why.into()));
        let Order::Delete { id } = order else { return refused("the server can only remove messages") };
        match self.listing.find(id) {
            // The maildrop is what this session shows; another one may show more.
            None => Plan::Answered(Outcome::Unlisted),
            // Its id is not enough: only what was read in this session is known to be the message that is meant.
            Some(message) if !self.listing.ids_are_sure() && !self.read.contains(&message.number) => {
                refused("the server's ids do not tell its messages apart, and it was not read before its removal: the next run does that")
            }
            Some(_) => Plan::Asked(id.clone()),
        }
    }
}

fn marked(reply: Reply) -> Outcome {
    if reply.ok { Outcome::Done { id: None } } else { Outcome::Refused(reply.text) }
}
