//! The local store: Maildir, state, lock.
