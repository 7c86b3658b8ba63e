//! A scripted ActiveSync server over TLS: honest over a small mailbox, until a hook replaces an answer.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::exchange::{Reply, Seen, read};
use crate::mailbox::There;

/// Asked with each request; `None` = the honest answer.
type Hook = dyn Fn(&Seen, &mut There) -> Option<Reply> + Send + Sync;

#[derive(Default)]
struct Shared {
    there: Mutex<There>,
    hook: Mutex<Option<Arc<Hook>>>,
    record: Mutex<Vec<Seen>>,
}

pub struct Peer {
    pub port: u16,
    shared: Arc<Shared>,
    tls: Arc<rustls::ServerConfig>,
}

impl Peer {
    pub fn start(there: There, dir: &std::path::Path) -> Self {
        let (ca, tls) = identity();
        std::fs::write(dir.join("ca.pem"), ca).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared { there: Mutex::new(there), ..Shared::default() });
        let peer = Self { port: listener.local_addr().unwrap().port(), shared, tls: Arc::new(tls) };
        peer.serve(listener);
        peer
    }

    /// Another address of the same server.
    pub fn other_door(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        self.serve(listener);
        port
    }

    fn serve(&self, listener: TcpListener) {
        let (shared, tls) = (self.shared.clone(), self.tls.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (shared, tls) = (shared.clone(), tls.clone());
                std::thread::spawn(move || {
                    let _ = connection(socket, tls, &shared);
                });
            }
        });
    }

    pub fn hook(&self, hook: impl Fn(&Seen, &mut There) -> Option<Reply> + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    pub fn honest(&self) {
        *self.shared.hook.lock().unwrap() = None;
    }

    pub fn there(&self) -> std::sync::MutexGuard<'_, There> {
        self.shared.there.lock().unwrap()
    }

    /// What was asked since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.shared.record.lock().unwrap())
    }

    /// The commands of it.
    pub fn commands(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.command).collect()
    }
}

fn identity() -> (String, rustls::ServerConfig) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "peer");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::from_params(&params, &key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap()).unwrap();
    (ca.pem(), config)
}

fn connection(socket: TcpStream, tls: Arc<rustls::ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    let tls = rustls::ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut io = BufReader::new(rustls::StreamOwned::new(tls, socket));
    loop {
        let Some(mut seen) = request(&mut io)? else { return Ok(()) };
        let hook = shared.hook.lock().unwrap().clone();
        let mut there = shared.there.lock().unwrap();
        {
            let mut record = shared.record.lock().unwrap();
            seen.before = record.iter().filter(|before| before.command == seen.command).count();
            seen.number = record.len();
            record.push(seen.clone());
        }
        let reply = hook.and_then(|hook| hook(&seen, &mut there)).unwrap_or_else(|| there.answer(&seen));
        drop(there);
        if reply.lost {
            return Ok(());
        }
        let out = io.get_mut();
        let length =
            if reply.endless.is_some() { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {}", reply.body.len()) };
        let mut head = format!("HTTP/1.1 {} Said\r\n{length}\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        out.write_all(head.as_bytes())?;
        out.write_all(b"\r\n")?;
        if let Some(more) = &reply.endless {
            let chunk = |octets: &[u8]| [format!("{:x}\r\n", octets.len()).as_bytes(), octets, b"\r\n"].concat();
            out.write_all(&chunk(&reply.body))?;
            loop {
                out.write_all(&chunk(more))?;
            }
        }
        out.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
        out.flush()?;
        if reply.silent {
            std::thread::sleep(Duration::from_secs(60));
        }
        if reply.cut.is_some() {
            return Ok(());
        }
    }
}

fn request(io: &mut impl std::io::BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if io.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        io.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    io.read_exact(&mut body)?;
    let mut query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
    let unpacked = unpack(&query, &mut headers);
    let packed = unpacked.is_some();
    query = unpacked.unwrap_or(query);
    let command = query.split('&').find_map(|pair| pair.strip_prefix("Cmd=")).map_or(method, str::to_owned);
    let is_message = headers.get("content-type").is_some_and(|kind| kind == "message/rfc822");
    let node = (!body.is_empty() && !is_message).then(|| read(&body));
    Ok(Some(Seen { command, query, packed, headers, body: node, message: is_message.then_some(body), before: 0, number: 0 }))
}

/// What a base64 query says (MS-ASHTTP 2.2.1.1.1.1): as a plain one, and as the headers that go with that.
fn unpack(query: &str, headers: &mut BTreeMap<String, String>) -> Option<String> {
    use base64::Engine as _;
    let octets = base64::engine::general_purpose::STANDARD.decode(query).ok().filter(|octets| octets.len() > 4)?;
    let version = octets[0].to_string();
    headers.insert("ms-asprotocolversion".into(), format!("{}.{}", &version[..2], &version[2..]));
    let command = match octets[1] {
        0 => "Sync",
        1 => "SendMail",
        9 => "FolderSync",
        13 => "MoveItems",
        14 => "GetItemEstimate",
        17 => "Settings",
        19 => "ItemOperations",
        20 => "Provision",
        code => panic!("command {code}"),
    };
    let mut rest = &octets[4..];
    let mut field = || {
        let (length, behind) = rest.split_first()?;
        let (value, behind) = behind.split_at_checked(usize::from(*length))?;
        rest = behind;
        Some(value.to_vec())
    };
    let device = String::from_utf8(field()?).unwrap();
    if let Ok(key) = <[u8; 4]>::try_from(field()?) {
        headers.insert("x-ms-policykey".into(), u32::from_le_bytes(key).to_string());
    }
    let kind = String::from_utf8(field()?).unwrap();
    let mut plain = format!("Cmd={command}&DeviceId={device}&DeviceType={kind}");
    while let Some((tag, behind)) = rest.split_first() {
        let (value, behind) = (behind[1], &behind[2..]); // One octet long.
        assert_eq!((*tag, behind.len()), (7, 0), "only options are said here");
        if value & 1 != 0 {
            plain += "&SaveInSent=T";
        }
        if value & 2 != 0 {
            headers.insert("ms-asacceptmultipart".into(), "T".into());
        }
        rest = behind;
    }
    Some(plain)
}
