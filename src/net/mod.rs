//! Sockets: dial, TLS, deadlines, meter.
pub mod meter;
pub use meter::Meter;
