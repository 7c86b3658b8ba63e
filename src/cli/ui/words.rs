//! Numbers as people read them.

use std::time::Duration;

/// Octets: `12.3 kB`.
pub fn bytes(octets: u64) -> String {
    humansize::format_size(octets, humansize::DECIMAL.decimal_places(1))
}

/// A count with commas: `20,165`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 message`, `3 messages`.
pub fn of(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// How far a listing is: `512 of about 9,000 messages listed`.
pub fn listing(listed: u64, all: u64) -> String {
    format!("{} of about {} listed", count(listed), of(all, "message"))
}

/// How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let pair = |big: u64, one: &str, small: u64, two: &str| match small {
        0 => format!("{big} {one}"),
        _ => format!("{big} {one} {small} {two}"),
    };
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// How long ago `then` is, both in seconds since 1970: `3 min ago`; `in the future` for a clock that was set back.
pub fn ago(then: i64, now: i64) -> String {
    match u64::try_from(now.saturating_sub(then)) {
        Ok(0..2) => "just now".into(),
        Ok(seconds @ 2..60) => format!("{seconds} s ago"),
        Ok(seconds @ 60..3600) => format!("{} min ago", seconds / 60),
        Ok(seconds @ 3600..86_400) => format!("{} ago", time(Duration::from_secs(seconds / 60 * 60))),
        Ok(seconds) => format!("{} d ago", seconds / 86_400),
        Err(_) => "in the future".into(),
    }
}

/// Seconds since 1970, now.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A bar of `width` that is full by `used` of `limit`: `[####----]  52 %`.
pub fn gauge(used: u64, limit: u64, width: usize) -> String {
    let part = if limit == 0 { 1.0 } else { (used as f64 / limit as f64).min(1.0) };
    let full = (part * width as f64).round() as usize;
    format!("[{}{}] {:3.0} %", "#".repeat(full), "-".repeat(width - full), part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0), count(999), count(20_165), count(1_234_567)], ["0", "999", "20,165", "1,234,567"]);
        assert_eq!([of(1, "message"), of(0, "message"), of(1000, "message")], ["1 message", "0 messages", "1,000 messages"]);
        assert_eq!([bytes(0), bytes(999), bytes(12_345), bytes(5_200_000_000)], ["0 B", "999 B", "12.3 kB", "5.2 GB"]);
    }

    #[test]
    fn times_read_well() {
        for (ms, shown) in [(400, "0.4 s"), (12_000, "12 s"), (185_000, "3 min 5 s"), (7_200_000, "2 h"), (273_600_000, "3 d 4 h")] {
            assert_eq!(time(Duration::from_millis(ms)), shown);
        }
        for (seconds, shown) in
            [(0, "just now"), (5, "5 s ago"), (180, "3 min ago"), (7260, "2 h 1 min ago"), (180_000, "2 d ago"), (-9, "in the future")]
        {
            assert_eq!(ago(1_000_000 - seconds, 1_000_000), shown);
        }
    }

    #[test]
    fn a_gauge_never_overflows() {
        assert_eq!(gauge(52, 100, 10), "[#####-----]  52 %");
        assert_eq!(gauge(u64::MAX, 1, 4), "[####] 100 %");
        assert_eq!(gauge(0, 0, 4), "[####] 100 %");
        assert_eq!(gauge(0, 9, 4), "[----]   0 %");
    }
}
