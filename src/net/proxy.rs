//! The handshakes of SOCKS5 (RFC 1928, 1929) and of HTTP CONNECT (RFC 9110 §9.3.6). The proxy looks the name up.

use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use zeroize::Zeroizing;

use super::endpoint::{Endpoint, Login};
use super::stream::Raw;
use super::{Meter, limits};
use crate::model::error::{Class, Error, Result};

const CHECK: &str = "check that the proxy works and may reach the server";

fn broken(endpoint: &Endpoint) -> impl Fn(io::Error) -> Box<Error> {
    let tried = endpoint.tried();
    move |cause| Error::new(Class::Unavailable, &tried, format!("the proxy broke off: {cause}")).hint(CHECK).because(cause)
}

fn refused(endpoint: &Endpoint, class: Class, why: impl Into<String>) -> Box<Error> {
    Error::new(class, endpoint.tried(), why)
}

/// Asks a SOCKS5 proxy for the connection.
pub(super) async fn socks5(io: &mut BufReader<Raw>, endpoint: &Endpoint, login: Option<&Login>, meter: &Meter) -> Result<()> {
    let broken = broken(endpoint);
    let greeting: &[u8] = if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    let [version, method] = ask(io, greeting, meter).await.map_err(&broken)?;
    if version != 5 {
        return Err(refused(endpoint, Class::Unavailable, "the proxy does not speak SOCKS5").hint("check the proxy's port"));
    }
    match (method, login) {
        (0, _) => {}
        (2, Some(login)) => {
            let request = credentials(login)
                .ok_or_else(|| refused(endpoint, Class::Config, "user or password for the proxy is empty or above 255 octets"))?;
            let [_, status] = ask(io, &request, meter).await.map_err(&broken)?;
            if status != 0 {
                return Err(refused(endpoint, Class::Auth, "the proxy refused user or password"));
            }
        }
        _ => return Err(refused(endpoint, Class::Auth, "the proxy wants a login").hint("put user and password into the proxy's URL")),
    }

    let mut request = vec![5, 1, 0];
    match endpoint.host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend(ip.octets());
        }
        Err(_) => {
            let length = u8::try_from(endpoint.host.len())
                .map_err(|_| refused(endpoint, Class::Config, "the host name is longer than 255 octets"))?;
            request.extend([3, length]);
            request.extend(endpoint.host.as_bytes());
        }
    }
    request.extend(endpoint.port.to_be_bytes());
    let [_, reply, _, kind] = ask(io, &request, meter).await.map_err(&broken)?;
    if reply != 0 {
        return Err(refused(endpoint, Class::Unavailable, format!("the proxy says: {}", socks_reply(reply))).hint(CHECK));
    }
    let rest = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(io.read_u8().await.map_err(&broken)?),
        _ => return Err(refused(endpoint, Class::Unavailable, "the proxy's answer is malformed")),
    };
    let mut bound = [0; 255 + 2];
    io.read_exact(&mut bound[..rest + 2]).await.map_err(&broken)?;
    Ok(())
}

async fn ask<const N: usize>(io: &mut BufReader<Raw>, request: &[u8], meter: &Meter) -> io::Result<[u8; N]> {
    io.write_all(request).await?;
    io.flush().await?;
    let mut answer = [0; N];
    io.read_exact(&mut answer).await?;
    meter.turn();
    Ok(answer)
}

fn credentials(login: &Login) -> Option<Zeroizing<Vec<u8>>> {
    let password = login.password.expose_secret().as_bytes();
    let mut request = Zeroizing::new(Vec::with_capacity(3 + 255 + 255));
    request.extend([1, u8::try_from(login.user.len()).ok().filter(|n| *n > 0)?]);
    request.extend(login.user.as_bytes());
    request.push(u8::try_from(password.len()).ok()?);
    request.extend(password);
    Some(request)
}

fn socks_reply(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "the way is too long (TTL expired)",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "an unknown failure",
    }
}

/// Asks an HTTP proxy for the connection.
pub(super) async fn http(io: &mut BufReader<Raw>, endpoint: &Endpoint, login: Option<&Login>, meter: &Meter) -> Result<()> {
    let broken = broken(endpoint);
    let target = endpoint.address();
    if target.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(refused(endpoint, Class::Config, "the host name holds a space or control character"));
    }
    let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
    if let Some(login) = login {
        let pair = Zeroizing::new(format!("{}:{}", login.user, login.password.expose_secret()));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&Zeroizing::new(STANDARD.encode(pair.as_bytes())));
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    io.write_all(request.as_bytes()).await.map_err(&broken)?;
    io.flush().await.map_err(&broken)?;

    let head = head(io).await.map_err(&broken)?;
    meter.turn();
    let status = head.lines().next().unwrap_or_default().trim_end();
    let code = status.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse::<u16>().ok());
    match code {
        Some(200..=299) => Ok(()),
        Some(407) => Err(refused(
            endpoint,
            Class::Auth,
            if login.is_some() { "the proxy refused user or password" } else { "the proxy wants a login" },
        )
        .hint("put user and password into the proxy's URL")),
        Some(_) => Err(refused(endpoint, Class::Unavailable, format!("the proxy says: {status}")).hint(CHECK)),
        None => Err(refused(endpoint, Class::Unavailable, "the proxy does not speak HTTP").hint("check the proxy's port")),
    }
}

/// The answer's head, up to the empty line and not an octet further: what follows is the server's.
async fn head(io: &mut BufReader<Raw>) -> io::Result<String> {
    let mut head = Vec::new();
    loop {
        let from = head.len();
        let room = limits::PROXY_HEAD - from;
        let got = (&mut *io).take(room as u64).read_until(b'\n', &mut head).await?;
        if got == 0 || !head.ends_with(b"\n") {
            let full = head.len() >= limits::PROXY_HEAD;
            return Err(if full { io::Error::other("its answer is too long") } else { io::ErrorKind::UnexpectedEof.into() });
        }
        if matches!(&head[from..], b"\r\n" | b"\n") {
            return Ok(String::from_utf8_lossy(&head).into_owned());
        }
    }
}
