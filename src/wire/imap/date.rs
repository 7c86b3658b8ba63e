//! INTERNALDATE: `"17-Jul-1996 02:44:25 -0700"` (RFC 9051 `date-time`).

/// Unix seconds, or `None` for anything that is not a date: the message is kept, only its time is unknown.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    // Longer than any date: not worth a look.
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= 64)?.trim();
    let time = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text).ok()?;
    Some(time.to_timestamp().ok()?.as_second())
}

/// The same as text, in UTC; `None` outside the years that four digits can say.
pub(super) fn format(seconds: i64) -> Option<String> {
    let time = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?);
    let text = jiff::fmt::strtime::format("%d-%b-%Y %H:%M:%S +0000", time).ok()?;
    (1..=9999).contains(&time.year()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{format, parse};

    #[test]
    fn dates_are_written_as_they_are_read() {
        assert_eq!(format(837_596_665).as_deref(), Some("17-Jul-1996 09:44:25 +0000"));
        assert_eq!(format(1).as_deref(), Some("01-Jan-1970 00:00:01 +0000"));
        for seconds in [-1, 0, 951_782_400, 4_102_444_799, 253_402_207_200] {
            assert_eq!(format(seconds).and_then(|text| parse(text.as_bytes())), Some(seconds));
        }
        for outside in [i64::MIN, -99_999_999_999, 253_402_300_800, i64::MAX] {
            assert_eq!(format(outside), None, "{outside}");
        }
    }

    #[test]
    fn dates_are_read_and_garbage_is_absent() {
        assert_eq!(parse(b"17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(parse(b" 1-Jan-1970 00:00:01 +0000"), Some(1));
        assert_eq!(parse(b"1-jan-1970 00:00:01 +0000"), Some(1));
        assert_eq!(parse(b"01-Jan-2000 01:00:00 +0100"), Some(946_684_800));
        for garbage in [
            &b"99-Foo-0000 25:61:61 +9999"[..],
            b"01-Jan-99999 00:00:00 +0000",
            b"31-Feb-2001 00:00:00 +0000",
            b"01-Jan-2001 00:00:00 +9999",
            b"01-Jan-2001",
            b"NIL",
            b"",
            b"\xff\xfe",
            b"-1-Jan-2001 00:00:00 +0000",
        ] {
            assert_eq!(parse(garbage), None, "{}", String::from_utf8_lossy(garbage));
        }
    }
}
