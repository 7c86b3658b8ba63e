//! Bounds on what a server controls, whatever it speaks.

use std::time::Duration;

/// Commands that make the server work (opening a mailbox, removing messages, a first listing) may be silent so many times longer, five
/// minutes with the usual time-out: servers rebuild indexes then.
pub const WORK: u32 = 5;
/// The greeting.
pub const GREETING: Duration = Duration::from_secs(30);
/// How long a goodbye may take before we hang up.
pub const LOGOUT: Duration = Duration::from_secs(2);
/// While a reply is due, fewer octets than this in [`FLOOR_WINDOW`] mean that the peer stalls us.
pub const FLOOR_OCTETS: u64 = 512 * 120;
/// See [`FLOOR_OCTETS`]. Longer where more than half of it may be one silence.
pub const FLOOR_WINDOW: Duration = Duration::from_mins(2);
/// Silence that is borne once the run was stopped: enough for what is on its way.
pub const STOPPED: Duration = Duration::from_secs(3);
/// Octets of one message.
pub const MESSAGE: u64 = 1 << 30;
