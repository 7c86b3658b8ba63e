//! Lookup → connection → TLS, each with its own timer.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::BufReader;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::endpoint::{Endpoint, Route, Security};
use super::stream::{Raw, Stream, Wire};
use super::tls::TlsConnector;
use super::tunnel::Tunnel;
use super::{Limits, Meter, limits, proxy};
use crate::model::error::{Class, Error, Result};
use crate::model::event::{Event, Observer, Step};

/// Reaches `endpoint`: lookup, connection (every address, a later one beside a silent earlier one), TLS where
/// [`Security::Tls`] asks for it. Tells each step to `observer`.
///
/// Errors: `config` for unusable TLS files, `unavailable` as long as no connection stood, then `temporary`, `tls-verify`
/// (certificate) or `tls-required` (the server speaks no TLS that is good enough), `auth` where a proxy wants a login.
///
/// Safe to cancel by dropping the future: nothing outlives it.
pub async fn dial(endpoint: &Endpoint, tls: &TlsConnector, limits: &Limits, meter: Arc<Meter>, observer: &dyn Observer) -> Result<Stream> {
    let tried = endpoint.tried();
    // A wrong file of ours is told before anything is sent, also on the STARTTLS way where it would be needed only later.
    if endpoint.security != Security::Clear {
        tls.prepare()?;
    }
    let io = match &endpoint.route {
        Route::Direct => open(&endpoint.host, endpoint.port, &tried, limits, &meter, observer).await?,
        Route::Socks5 { host, port, login } => {
            let mut io = open(host, *port, &tried, limits, &meter, observer).await?;
            let talk = proxy::socks5(&mut io, endpoint, login.as_ref(), &meter);
            timeout(limits.connect, talk).await.map_err(|_| proxy_silent(&tried, limits.connect))??;
            io
        }
        Route::Http { host, port, login } => {
            let mut io = open(host, *port, &tried, limits, &meter, observer).await?;
            let talk = proxy::http(&mut io, endpoint, login.as_ref(), &meter);
            timeout(limits.connect, talk).await.map_err(|_| proxy_silent(&tried, limits.connect))??;
            io
        }
        Route::Tunnel(argv) => {
            let tunnel = Tunnel::spawn(argv, &tried)?;
            reached(observer, Step::Connect, &format!("tunnel command {} started", argv.first().map_or("", String::as_str)));
            buffered(Raw::Tunnel(Box::new(tunnel)))
        }
        Route::Socket(path) => {
            let socket = timeout(limits.connect, UnixStream::connect(path)).await;
            let failed = |why: String| Error::new(Class::Unavailable, &tried, why).hint("does its server run, and may we use the socket?");
            let silent = |_| failed(format!("no answer within {}", seconds(limits.connect)));
            let socket = socket.map_err(silent)?.map_err(|cause| failed(cause.to_string()))?;
            meter.turn();
            reached(observer, Step::Connect, &format!("connected to {}", path.display()));
            buffered(Raw::Other(Box::new(socket)))
        }
    };
    let stream = Stream::new(Wire::clear(io, meter));
    match endpoint.security {
        Security::Tls => stream.start_tls(endpoint, tls, limits, observer).await,
        Security::StartTls | Security::Clear => Ok(stream),
    }
}

/// Tells the observer that a step is done.
pub(super) fn reached(observer: &dyn Observer, step: Step, detail: &str) {
    observer.on(&Event::Reached { step, detail });
}

/// Lookup and TCP connection.
async fn open(host: &str, port: u16, tried: &str, limits: &Limits, meter: &Meter, observer: &dyn Observer) -> Result<BufReader<Raw>> {
    let addresses = look_up(host, port, tried, limits.connect).await?;
    let shown = addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", ");
    reached(observer, Step::Lookup, &format!("{host} is {shown}"));

    let socket = timeout(limits.connect, race(addresses)).await.map_err(|_| {
        Error::new(Class::Unavailable, tried, format!("no answer from {shown} within {}", seconds(limits.connect)))
            .hint(format!("is port {port} right? A firewall may drop it; try another network"))
    })?;
    let socket = socket.map_err(|cause| not_connected(tried, port, &shown, cause))?;
    meter.turn();
    tune(&socket);
    let peer = socket.peer_addr().map_or(shown, |a| a.to_string());
    reached(observer, Step::Connect, &format!("connected to {peer}"));
    Ok(buffered(Raw::Tcp(socket)))
}

/// Addresses of a host, families alternating as the resolver prefers them; never empty.
async fn look_up(host: &str, port: u16, tried: &str, limit: Duration) -> Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let failed = |why: String| {
        Error::new(Class::Unavailable, tried, format!("cannot look up {host}: {why}"))
            .hint("check the spelling of the host name, and that this machine is online")
    };
    // The resolver knows ASCII names only; an internationalised one is put into its A-label form first.
    let ascii = match url::Host::parse(host) {
        Ok(url::Host::Domain(name)) if !host.is_ascii() => name,
        _ => host.to_string(),
    };
    let found = timeout(limit, tokio::net::lookup_host((ascii, port)))
        .await
        .map_err(|_| failed(format!("no answer within {}", seconds(limit))))?
        .map_err(|cause| failed(cause.to_string()))?;
    let addresses = alternate(found.take(limits::ADDRESSES).collect());
    if addresses.is_empty() { Err(failed("it has no address".into())) } else { Ok(addresses) }
}

/// Puts the families alternately, beginning with the family that the resolver put first (RFC 8305 §4).
fn alternate(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (VecDeque<_>, VecDeque<_>) = found.into_iter().partition(|x| x.is_ipv6() == first_is_v6);
    let mut out = Vec::with_capacity(a.len() + b.len());
    while !(a.is_empty() && b.is_empty()) {
        out.extend(a.pop_front());
        out.extend(b.pop_front());
    }
    out
}

/// The first address that answers wins. The next one is tried when one failed or was silent for a moment; the losers are
/// dropped with the set.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = VecDeque::from(addresses);
    let mut running = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = waiting.pop_front() {
            running.spawn(TcpStream::connect(address));
        }
        let ended = if waiting.is_empty() {
            running.join_next().await
        } else {
            match timeout(limits::NEXT_ADDRESS, running.join_next()).await {
                Ok(ended) => ended,
                Err(_silent) => continue,
            }
        };
        match ended {
            Some(Ok(Ok(socket))) => return Ok(socket),
            Some(Ok(Err(cause))) => last = cause,
            Some(Err(cause)) => last = io::Error::other(cause),
            None => return Err(last),
        }
    }
}

/// No delay (pipelined commands are gathered by the session, Nagle would only wait), and probes on an idle line.
fn tune(socket: &TcpStream) {
    // Neither is needed to be right: a system that refuses them is slower, or finds a dead peer later.
    let _ = socket.set_nodelay(true);
    let probes = TcpKeepalive::new().with_time(limits::KEEPALIVE).with_interval(limits::KEEPALIVE / 4);
    let _ = SockRef::from(socket).set_tcp_keepalive(&probes);
}

fn buffered(raw: Raw) -> BufReader<Raw> {
    BufReader::with_capacity(limits::READ_BUFFER, raw)
}

fn not_connected(tried: &str, port: u16, shown: &str, cause: io::Error) -> Box<Error> {
    use io::ErrorKind as K;
    let hint = match cause.kind() {
        K::ConnectionRefused => format!("nothing listens on port {port} there, or a firewall refuses it: check host and port"),
        K::NetworkUnreachable | K::HostUnreachable => "there is no way to it from here: check that this machine is online".into(),
        _ => format!("check host and port ({port}), and that this machine is online"),
    };
    Error::new(Class::Unavailable, tried, format!("{shown}: {cause}")).hint(hint).because(cause)
}

fn proxy_silent(tried: &str, limit: Duration) -> Box<Error> {
    Error::new(Class::Unavailable, tried, format!("the proxy did not make the connection within {}", seconds(limit)))
        .hint("check that the proxy works and may reach the server")
}

/// `30 seconds`, `0.2 seconds`.
pub(super) fn seconds(limit: Duration) -> String {
    format!("{} seconds", limit.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_the_resolvers_first_stays_first() {
        let list = |text: &str| text.split(' ').map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let got = alternate(list("[::1]:1 [::2]:1 [::3]:1 1.0.0.1:1 1.0.0.2:1"));
        assert_eq!(got, list("[::1]:1 1.0.0.1:1 [::2]:1 1.0.0.2:1 [::3]:1"));
        assert_eq!(alternate(list("1.0.0.1:1 [::1]:1")), list("1.0.0.1:1 [::1]:1"));
    }

    #[tokio::test]
    async fn a_refused_or_silent_address_does_not_keep_the_next_from_being_tried() {
        let (open, full) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), full_listener());
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (good, silent) = (open.local_addr().unwrap(), full.0);
        assert_eq!(race(vec![closed, good]).await.unwrap().peer_addr().unwrap(), good);
        let winner = timeout(Duration::from_secs(5), race(vec![silent, good])).await.unwrap().unwrap();
        assert_eq!(winner.peer_addr().unwrap(), good);
        assert_eq!(race(vec![closed]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    /// A listener whose queue is full: Linux drops further connection attempts silently.
    fn full_listener() -> (SocketAddr, socket2::Socket, Vec<socket2::Socket>) {
        let make = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = make();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let waiting = (0..4)
            .map(|_| {
                let socket = make();
                socket.set_nonblocking(true).unwrap();
                let _ = socket.connect(&address.into());
                socket
            })
            .collect();
        (address, listener, waiting)
    }
}
