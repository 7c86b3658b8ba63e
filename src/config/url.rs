//! `imaps://user@host:port/folder` and its siblings. Schemes follow curl.
//!
//! Read by hand: the user part holds addresses, so the last `@` counts, and text that might be a password must never come
//! back in an error, which a general parser cannot know.

use std::path::PathBuf;

use super::values::Parsed;
use super::{Outgoing, Remote};
use crate::model::Protocol;
use crate::model::folder::literal;

/// Names of receiving schemes: word, protocol, STARTTLS, port.
const RECEIVE: [(&str, Protocol, bool, u16); 5] = [
    ("imaps", Protocol::Imap, false, 993),
    ("imap", Protocol::Imap, true, 143),
    ("pop3s", Protocol::Pop3, false, 995),
    ("pop3", Protocol::Pop3, true, 110),
    ("eas", Protocol::ActiveSync, false, 443),
];

/// Names of sending schemes: word, STARTTLS, port.
const SEND: [(&str, bool, u16); 2] = [("smtps", false, 465), ("smtp", true, 587)];

/// LMTP over a network (RFC 2033 names no port, and forbids 25).
const LMTP_PORT: u16 = 24;

/// A receiving URL; `user` comes from the URL, or `default` (the address) stands in.
pub(super) fn receive(text: &str, default: Option<&str>) -> Parsed<Remote> {
    let (scheme, rest) = scheme(text)?;
    let Some((_, protocol, starttls, port)) = RECEIVE.into_iter().find(|(word, ..)| scheme == *word) else {
        let hint = if scheme.starts_with("smtp") { "; smtp is for `send`" } else { "" };
        return Err(format!("unknown scheme `{scheme}`: mail comes from imaps, imap, pop3s, pop3 or eas{hint}"));
    };
    let parts = split(rest, port)?;
    let user = parts.user.or_else(|| default.map(str::to_owned));
    let user = user.ok_or_else(|| format!("no user: write {scheme}://user@{}", parts.host))?;
    let path = match protocol {
        Protocol::Imap => folder(parts.path)?,
        Protocol::Pop3 if parts.path.trim_matches('/').is_empty() => None,
        Protocol::Pop3 => return Err("POP3 has no folders: the URL must end after the host".to_owned()),
        Protocol::ActiveSync => endpoint(parts.path)?,
    };
    Ok(Remote { protocol, starttls, user, host: parts.host, port: parts.port, path })
}

/// A sending URL. One without a host names a socket of this machine.
pub(super) fn send(text: &str, default: Option<&str>) -> Parsed<Outgoing> {
    let (scheme, rest) = scheme(text)?;
    let lmtp = scheme == "lmtp";
    if rest.starts_with('/') && (lmtp || scheme == "smtp") {
        return Ok(Outgoing::Socket { path: PathBuf::from(decode(rest)?), lmtp });
    }
    if lmtp {
        let parts = split(rest, LMTP_PORT)?;
        if parts.user.is_some() || !parts.path.trim_matches('/').is_empty() {
            return Err("LMTP knows no login, and its URL ends after the host".to_owned());
        }
        return Ok(Outgoing::Lmtp { host: parts.host, port: parts.port });
    }
    let Some((_, starttls, port)) = SEND.into_iter().find(|(word, ..)| scheme == *word) else {
        return Err(format!("unknown scheme `{scheme}`: mail goes out by smtps, smtp, lmtp or {{ command = \"…\" }}"));
    };
    let parts = split(rest, port)?;
    if !parts.path.trim_matches('/').is_empty() {
        return Err("a sending URL ends after the host".to_owned());
    }
    let user = parts.user.or_else(|| default.map(str::to_owned));
    Ok(Outgoing::Smtp { starttls, user, host: parts.host, port: parts.port })
}

/// A proxy: `socks5://[user:password@]host[:port]` or `http://…`. True when there is a password in it.
pub(super) fn proxy(text: &str) -> Parsed<bool> {
    let (scheme, _) = scheme(text)?;
    if !matches!(scheme.as_str(), "socks5" | "http") {
        return Err(format!("unknown scheme `{scheme}`: a proxy is socks5://host:port or http://host:port"));
    }
    let url = ::url::Url::parse(text).map_err(|cause| format!("not a proxy URL: {cause}"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err("a proxy URL needs a host".to_owned());
    }
    if url.port() == Some(0) {
        return Err("port 0 cannot be connected to".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("a proxy URL ends after the port".to_owned());
    }
    Ok(url.password().is_some())
}

/// The one folder that the URL names, as a pattern.
pub(super) fn named_folder(remote: &Remote) -> Option<String> {
    remote.path.as_deref().filter(|_| remote.protocol == Protocol::Imap).map(literal)
}

/// Whether only this machine can be meant.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse::<std::net::IpAddr>()
        .map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |address| address.to_canonical().is_loopback())
}

struct Parts<'t> {
    user: Option<String>,
    host: String,
    port: u16,
    path: &'t str,
}

fn scheme(text: &str) -> Parsed<(String, &str)> {
    if text.chars().any(char::is_control) {
        return Err("a URL has no control characters".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("not a URL: write scheme://user@host, as in imaps://me@imap.example.org".to_owned());
    };
    Ok((scheme.to_ascii_lowercase(), rest))
}

fn split(rest: &str, default_port: u16) -> Parsed<Parts<'_>> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if path.contains(['?', '#']) {
        return Err("`?` and `#` mean nothing in this URL: in a folder's name write %3F and %23".to_owned());
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let user = user.map(decode_user).transpose()?;
    let (host, port) = host_and_port(host, default_port)?;
    Ok(Parts { user, host, port, path })
}

fn decode_user(user: &str) -> Parsed<String> {
    if user.contains(':') {
        return Err("a password has no place in a URL, where others can read it: use `password = { … }`, MAILX_PASSWORD or \
                    --password-command (and write %3A for a colon that belongs to the user name)"
            .to_owned());
    }
    if user.to_ascii_uppercase().contains(";AUTH=") {
        return Err("`;AUTH=` is not read here: use `sasl = \"…\"`".to_owned());
    }
    let user = decode(user)?;
    if user.is_empty() { Err("the user name before `@` is empty".to_owned()) } else { Ok(user) }
}

fn host_and_port(text: &str, default_port: u16) -> Parsed<(String, u16)> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or("the `]` of the IPv6 address is missing")?;
        let (host, rest) = text.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err("after the `]` of an IPv6 address comes only `:port`".to_owned()),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("more than one `:` after the user: an IPv6 address stands in brackets, as in [::1]:993".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    // A port that is no number may be half of a password with a `/` in it: it is not repeated.
    let wrong = "the port is not a number from 1 to 65535";
    let port = match port {
        None => default_port,
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => digits.parse().ok().filter(|port| *port != 0).ok_or(wrong)?,
        Some(_) => return Err(wrong.to_owned()),
    };
    let host = match ::url::Host::parse(host).map_err(|cause| format!("not a host: {cause}"))? {
        ::url::Host::Domain(name) => name.strip_suffix('.').unwrap_or(&name).to_owned(),
        ::url::Host::Ipv4(address) => address.to_string(),
        ::url::Host::Ipv6(address) => address.to_string(),
    };
    if host.is_empty() || host.len() > 253 {
        return Err("not a host: too short or too long".to_owned());
    }
    Ok((host, port))
}

fn folder(path: &str) -> Parsed<Option<String>> {
    let path = decode(path.trim_matches('/'))?;
    Ok((!path.is_empty()).then_some(path))
}

fn endpoint(path: &str) -> Parsed<Option<String>> {
    decode(path)?;
    Ok((!matches!(path, "" | "/")).then(|| path.to_owned()))
}

/// Percent decoding (RFC 3986 §2.1); a `%` that starts nothing is an error, as is text that is not UTF-8 afterwards.
fn decode(text: &str) -> Parsed<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            out.push(octet);
            continue;
        }
        let mut digit = || octets.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("`%` must be followed by two hexadecimal digits (%25 is the percent sign itself)".to_owned());
        };
        out.push((high * 16 + low) as u8);
    }
    let decoded = String::from_utf8(out).map_err(|_| "percent-encoded text is not UTF-8".to_owned())?;
    if decoded.chars().any(char::is_control) { Err("control characters in a URL".to_owned()) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests;
