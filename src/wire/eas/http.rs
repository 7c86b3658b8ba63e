//! HTTP's statuses as ActiveSync means them, and how long to wait.

use super::status::statuses;

statuses! {
    /// What the web server answers (MS-ASHTTP 2.2.2). Before 14.0 these stand for statuses of the body, too: a 403 to somebody who never sent a
    /// policy key may ask for Provision.
    HttpStatus {
        200 Ok Done "OK"
        400 BadRequest Bug "request malformed"
        401 Unauthorized LogIn "login refused"
        403 Forbidden TellUser "user or device not allowed"
        404 NotFound Relocate "no ActiveSync at this address"
        429 TooManyRequests BackOff "too many requests"
        449 RetryAfterProvisioning Provision "policy not acknowledged"
        451 Redirect Relocate "account is on another server"
        456 AccountBlocked TellUser "account blocked"
        457 PasswordExpired TellUser "password expired"
        500 InternalServerError BackOff "server error"
        501 NotImplemented DoWithout "command not supported"
        502 ProxyError BackOff "server behind the proxy not found"
        503 ServiceUnavailable BackOff "server overloaded"
        504 GatewayTimeout BackOff "server behind the proxy did not answer"
        507 InsufficientDiskSpace TellUser "mailbox full"
    }
}

/// `Retry-After` as seconds from `now` (Unix seconds): a number of seconds or a date (RFC 9110 §10.2.3). A date that has passed is 0; `None` for
/// what is neither. The caller bounds it.
pub fn retry_after(value: &str, now: i64) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u64::MAX));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(u64::try_from(date.as_second().saturating_sub(now)).unwrap_or(0))
}
