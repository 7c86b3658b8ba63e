//! The guard against accidents (§3): a deletion of so much that a person must say that it is meant. Pure.

/// An emptied folder with so many known messages is an accident until a person says otherwise.
const EMPTIED: u64 = 5;
/// So many deletions, if they are also more than a quarter, are one, too.
const MANY: u64 = 20;

/// Why a folder is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// Everything is gone.
    Emptied {
        /// How many messages were known.
        known: u64,
    },
    /// Too much is gone.
    Many {
        /// How many are gone.
        gone: u64,
        /// Of so many.
        known: u64,
    },
}

/// Judges `gone` deletions in one folder and one direction, where `known` messages were on both sides; moves are not counted.
pub fn judge(gone: u64, known: u64) -> Option<Alarm> {
    if gone >= known && gone >= EMPTIED {
        Some(Alarm::Emptied { known })
    } else if gone > MANY && gone.saturating_mul(4) > known {
        Some(Alarm::Many { gone, known })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_the_contracts() {
        assert_eq!(judge(4, 4), None);
        assert_eq!(judge(5, 5), Some(Alarm::Emptied { known: 5 }));
        assert_eq!(judge(20, 21), None);
        assert_eq!(judge(21, 84), None);
        assert_eq!(judge(21, 83), Some(Alarm::Many { gone: 21, known: 83 }));
        assert_eq!(judge(0, 0), None);
    }
}
