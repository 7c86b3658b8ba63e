use super::super::{NameError, decode_name, encode_name};

#[test]
fn names_of_the_rfc() {
    for (raw, name) in [
        ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        ("Hi Mom -&Jjo--!", "Hi Mom -☺-!"),
        ("&ZeVnLIqe-", "日本語"),
        ("&-", "&"),
        ("R&-D &AOk-&-", "R&D é&"),
        ("Entw&APw-rfe", "Entwürfe"),
        ("&2D3eAA-", "\u{1f600}"),
        ("INBOX.Sent", "INBOX.Sent"),
        ("", ""),
        ("&AAo-", "\n"),
    ] {
        assert_eq!(decode_name(raw.as_bytes(), false).as_deref(), Ok(name), "{raw}");
        assert_eq!(encode_name(name, false), raw.as_bytes(), "{name}");
    }
}

#[test]
fn traversal_and_invalid_coding_are_refused() {
    for raw in [
        &b"&AC4ALgAv-x"[..], // row 44: `../x`
        b"&AC8-x",
        b"&ACY-",
        b"a&ACAAIA-",
        b"&", // row 45
        b"&AOk",
        b"&2AA-",
        b"&3AA-",
        b"&2D0AYQ-",
        b"bad&!!!-x",
        b"&AO-",
        b"&AOl-", // trailing bits
        b"&AOk=-",
        b"&AOkA-",
        b"&A-",
        b"&AOk-&AOk-", // two runs that are one
        b"&AO/-",
        b"\xe9",
        b"a\tb",
        b"a\0b",
        "é".as_bytes(),
    ] {
        assert_eq!(decode_name(raw, false), Err(NameError), "{}", String::from_utf8_lossy(raw));
    }
}

#[test]
fn utf8_names_are_themselves() {
    assert_eq!(decode_name("é&AOk-".as_bytes(), true).as_deref(), Ok("é&AOk-"));
    assert_eq!(decode_name(b"\xe9", true), Err(NameError));
    assert_eq!(encode_name("é&", true), "é&".as_bytes());
}
