//! Values as people write them: times, sizes, dates. Pure, so that every spelling has a test.

use std::time::Duration;

use jiff::{Timestamp, civil, tz::TimeZone};

/// Longer than anybody waits; and whatever multiplies it or counts from now on by it stays a time.
const LONGEST: Duration = Duration::from_hours(1000 * 366 * 24);

/// Reads a length of time: plain seconds (`90`), or numbers with `s`, `m`, `h`, `d` or `w`, also several (`1h30m`).
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write 90, 90s, 15m, 2h, 30d or 1h30m");
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let (mut rest, mut total) = (text.trim(), 0u64);
    if rest.is_empty() {
        return Err(wrong());
    }
    if rest.bytes().all(|b| b.is_ascii_digit()) {
        return rest.parse().map_err(|_| wrong()).and_then(|seconds| bounded(text, seconds));
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(digits(rest));
        let unit = tail.chars().next().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(seconds).and_then(|n| total.checked_add(n)).ok_or_else(wrong)?;
        rest = &tail[unit.len_utf8()..];
    }
    bounded(text, total)
}

fn bounded(text: &str, seconds: u64) -> Result<Duration, String> {
    let time = Duration::from_secs(seconds);
    if time <= LONGEST { Ok(time) } else { Err(format!("`{text}` is longer than a thousand years")) }
}

/// Reads a length of time that is not nothing.
pub fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("the time must be longer than nothing".into()),
        time => Ok(time),
    }
}

/// Reads text without control characters.
pub fn printable(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("must be text without control characters".into()) }
}

/// Reads a part of a whole: `5%`, `0.5%`, `5`; returns it as a number above 0, up to 1.
pub fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let part = number.parse::<f64>().ok().filter(|part| *part > 0.0 && *part <= 100.0);
    part.map(|part| part / 100.0).ok_or_else(|| format!("`{text}` is no part of a whole; write 5%"))
}

/// Reads a size in octets: `500k`, `10M`, `1.5G`; the letters are powers of 1024, an `iB` or `B` after them is allowed.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write octets, or a number with k, M or G");
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = lower.split_at(end);
    let shift = match unit.trim_start() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let octets = number.parse::<f64>().map_err(|_| wrong())? * (1u64 << shift) as f64;
    // 2^63: above it the cast would saturate without a word.
    if octets.is_finite() && octets < 9.2e18 { Ok(octets as u64) } else { Err(wrong()) }
}

/// Reads a point in time, in seconds since 1970: a day (`2026-01-31`, from its first moment here), a time as of RFC 3339, or so
/// long ago (`30d`, `2w`).
pub fn since(text: &str, now: Timestamp, zone: &TimeZone) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(stamp.as_second());
    }
    if let Ok(day) = text.parse::<civil::DateTime>() {
        return day.to_zoned(zone.clone()).map(|z| z.timestamp().as_second()).map_err(|e| e.to_string());
    }
    // Plain digits would be taken for seconds: nobody means `--since 20` so.
    let ago = text.strip_suffix(['d', 'w', 'h']).and_then(|_| duration(text).ok());
    let ago = ago.and_then(|ago| i64::try_from(ago.as_secs()).ok());
    ago.map(|ago| now.as_second().saturating_sub(ago))
        .ok_or_else(|| format!("`{text}` is no date; write 2026-01-31, 2026-01-31T12:00:00Z, 30d or 2w"))
}

/// [`since`] with this machine's clock and time zone: for the command line.
pub fn since_now(text: &str) -> Result<i64, String> {
    since(text, Timestamp::now(), &TimeZone::system())
}

/// Checks that a pin looks like one; the configuration, which takes it in the same spelling, checks the digest.
pub fn pin(text: &str) -> Result<String, String> {
    let method = text.get(..7).unwrap_or_default();
    if method.eq_ignore_ascii_case("sha256:") && text.len() > 7 {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no pin; write sha256: and the digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("30d", 2_592_000), ("2w", 1_209_600)]
        {
            assert_eq!(duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in
            ["", "h", "1x", "-1", "1.5h", "1h30", "99999999999999999999", "9999999999999999999w", "1µ", "18446744073709551615", "99999999w"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("365000d").unwrap().as_secs(), 31_536_000_000);
        assert!(some_duration("0").is_err());
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, octets) in [("0", 0), ("500k", 512_000), ("10M", 10_485_760), ("10MiB", 10_485_760), ("1.5G", 1_610_612_736), ("7", 7)] {
            assert_eq!(size(text).unwrap(), octets, "{text}");
        }
        for text in ["", "k", "-1", "1x", "1e3", "99999999999T", "1..2", "9.9e99"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_days_times_or_ages() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let at = |text| since(text, now, &zone);
        assert_eq!(at("1970-01-02").unwrap(), 86_400 - 3600);
        assert_eq!(at("1970-01-02T00:00:00Z").unwrap(), 86_400);
        assert_eq!(at("1970-01-02T00:00:00+01:00").unwrap(), 86_400 - 3600);
        assert_eq!(at("1d").unwrap(), now.as_second() - 86_400);
        assert_eq!(at("2w").unwrap(), now.as_second() - 14 * 86_400);
        assert_eq!(at("1970-01-02T01:00:00").unwrap(), 86_400);
        for text in ["", "20", "yesterday", "2026-13-01", "2026-02-30", "d", "30x"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
