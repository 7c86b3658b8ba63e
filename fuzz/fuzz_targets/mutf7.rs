//! A folder name is accepted only if encoding gives back the same octets; any text survives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailx::wire::imap::{decode_name, encode_name};

fuzz_target!(|octets: &[u8]| {
    if let Ok(name) = decode_name(octets, false) {
        assert_eq!(encode_name(&name, false), octets);
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        assert_eq!(decode_name(&encode_name(text, false), false).as_deref(), Ok(text));
    }
});
