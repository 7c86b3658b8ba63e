//! Maildir file names: unique base names, and the `:2,` info that carries flags (maildir(5)).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::model::{Flags, LocalName};
use crate::store::clock::Clock;

/// Prefix of files in tmp/ that are ours. Whoever holds the lock of the root may remove them.
pub const TMP_PREFIX: &str = "mailx-";

/// Makes base names `SECS.M<usec>P<pid>Q<n>R<random>.<host>`. Uniqueness rests on the 64 random bits, never on the clock alone.
#[derive(Debug)]
pub struct NameMaker {
    pid: u32,
    host: String,
    count: AtomicU32,
    seed: [u8; 16],
    clock: Arc<dyn Clock>,
}

impl NameMaker {
    /// A maker for this process on `host`; `seed` is random.
    pub fn new(host: &str, seed: [u8; 16], clock: Arc<dyn Clock>) -> Self {
        let host = host.replace('/', "\\057").replace(':', "\\072").replace(|c: char| c.is_control() || c.is_whitespace(), "_");
        let host = if host.is_empty() { "localhost".into() } else { host.chars().take(64).collect() };
        Self { pid: std::process::id(), host, count: AtomicU32::new(0), seed, clock }
    }

    /// The next name.
    pub fn next(&self) -> LocalName {
        let now = self.clock.wall();
        let n = self.count.fetch_add(1, Relaxed);
        let random = self.random(n);
        LocalName(format!("{}.M{}P{}Q{n}R{random:016x}.{}", now.as_secs(), now.subsec_micros(), self.pid, self.host).into())
    }

    /// The next name for tmp/.
    pub fn next_tmp(&self) -> String {
        let n = self.count.fetch_add(1, Relaxed);
        format!("{TMP_PREFIX}{}-{n}-{:016x}", self.pid, self.random(n))
    }

    /// 64 bits that differ for every `n`, spread by a hash keyed with the random seed.
    fn random(&self, n: u32) -> u64 {
        use sha2::{Digest, Sha256};
        let hash = Sha256::new().chain_update(self.seed).chain_update(n.to_le_bytes()).finalize();
        u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
    }
}

/// A file name in new/ or cur/, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName<'a> {
    /// What stands before `:2,`.
    pub base: &'a str,
    /// The letters behind it.
    pub letters: &'a str,
}

impl<'a> FileName<'a> {
    /// Takes `name` apart; a name without info has no letters.
    pub fn parse(name: &'a str) -> Self {
        match name.split_once(":2,") {
            Some((base, letters)) => Self { base, letters },
            None => Self { base: name.split_once(':').map_or(name, |(base, _)| base), letters: "" },
        }
    }
}

/// The full file name of a message with `flags` and keyword `letters` (a–z), and whether it belongs into cur/: mail without any
/// flag goes to new/.
pub fn file_name(base: &LocalName, flags: Flags, letters: &str) -> (String, bool) {
    if flags.is_empty() && letters.is_empty() {
        (base.0.to_string(), false)
    } else {
        (format!("{base}:2,{}{letters}", flags.letters()), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Flag;
    use crate::store::clock::OsClock;
    use proptest::prelude::*;

    #[test]
    fn names_are_unique_and_hold_no_separator() {
        let maker = NameMaker::new("a/b:c d", [7; 16], Arc::new(OsClock));
        let names: std::collections::HashSet<_> = (0..1000).map(|_| maker.next()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|n| !n.0.contains(['/', ':', ' ']) && n.0.contains(r".a\057b\072c_d")));
    }

    #[test]
    fn mail_without_flags_goes_to_new() {
        let base = LocalName("1.x.h".into());
        assert_eq!(file_name(&base, Flags::NONE, ""), ("1.x.h".into(), false));
        assert_eq!(file_name(&base, Flags::NONE.with(Flag::Seen).with(Flag::Draft), "ab"), ("1.x.h:2,DSab".into(), true));
        assert_eq!(file_name(&base, Flags::NONE, "a"), ("1.x.h:2,a".into(), true));
    }

    proptest! {
        #[test]
        fn parsing_gives_back_what_was_made(bits in 0u8..64, base in "[A-Za-z0-9._=,-]{1,40}", letters in "[a-z]{0,5}") {
            let flags = Flags::from_bits(bits);
            let name = LocalName(base.as_str().into());
            let (full, cur) = file_name(&name, flags, &letters);
            let parsed = FileName::parse(&full);
            prop_assert_eq!(parsed.base, base.as_str());
            prop_assert_eq!(Flags::from_letters(parsed.letters), flags);
            prop_assert_eq!(cur, !flags.is_empty() || !letters.is_empty());
        }
    }
}
