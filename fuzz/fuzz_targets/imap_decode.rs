//! No response line makes the decoders panic, and a set that was read is written and read again as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailx::wire::imap::{UidSet, decode, decode_greeting};

fuzz_target!(|octets: &[u8]| {
    let _ = decode(octets);
    let _ = decode_greeting(octets);
    if let Ok(set) = UidSet::parse(octets)
        && !set.is_empty()
    {
        assert_eq!(UidSet::parse(set.to_string().as_bytes()), Ok(set));
    }
});
