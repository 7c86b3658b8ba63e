//! Where a connection breaks.

use std::sync::Arc;

use tokio::sync::Notify;

/// Something that a session does for the engine, counted by the server over all of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A call that changes nothing: a listing of folders, a listing of messages, a fetch.
    Read,
    /// One step that changes something: an order, or each half of a move that is a copy and a deletion.
    Effect,
    /// A wait for news, once it has begun.
    Wait,
}

/// What goes wrong there.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is lost before the server has done anything.
    Before,
    /// The server does it, and the answer is lost.
    After,
    /// The server does it, and the engine dies: this is signalled, and no answer comes ever.
    Death(Arc<Notify>),
}

/// Counts, and the one fault that is planned.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub reads: u64,
    pub effects: u64,
    pub waits: u64,
    planned: Option<(Point, u64, Fault)>,
}

impl Faults {
    /// Plans `fault` for the `nth` of `point` from now on, counted from 1; `None` = the connections hold.
    pub fn plan(&mut self, plan: Option<(Point, u64, Fault)>) {
        self.planned = plan.map(|(point, nth, fault)| (point, self.count(point) + nth, fault));
    }

    /// Whether the planned fault is yet to come.
    pub fn is_planned(&self) -> bool {
        self.planned.is_some()
    }

    /// One more of `point`: counted, and the fault that happens there.
    pub fn meet(&mut self, point: Point) -> Option<Fault> {
        match point {
            Point::Read => self.reads += 1,
            Point::Effect => self.effects += 1,
            Point::Wait => self.waits += 1,
        }
        let now = self.count(point);
        let due = self.planned.as_ref().is_some_and(|(at, nth, _)| *at == point && *nth <= now);
        due.then(|| self.planned.take()).flatten().map(|(.., fault)| fault)
    }

    fn count(&self, point: Point) -> u64 {
        match point {
            Point::Read => self.reads,
            Point::Effect => self.effects,
            Point::Wait => self.waits,
        }
    }
}
