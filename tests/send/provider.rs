//! Providers whose server files what is sent through it: no copy of ours, and a message whose answer was lost is looked for.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::bed::{Sender, message};
use crate::peer::{Home, last};

/// A SOCKS5 proxy (RFC 1928) behind which every name is this machine.
fn proxy() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || relay(socket));
        }
    });
    port
}

fn relay(mut near: TcpStream) -> Option<()> {
    let mut hello = [0; 2];
    near.read_exact(&mut hello).ok()?;
    near.read_exact(&mut vec![0; hello[1].into()]).ok()?;
    near.write_all(&[5, 0]).ok()?;
    let mut request = [0; 5];
    near.read_exact(&mut request).ok()?;
    assert_eq!(request[..4], [5, 1, 0, 3], "a name is asked for, and not looked up here");
    let mut name = vec![0; usize::from(request[4]) + 2];
    near.read_exact(&mut name).ok()?;
    let port = u16::from_be_bytes([name[name.len() - 2], name[name.len() - 1]]);
    let mut far = TcpStream::connect(("127.0.0.1", port)).ok()?;
    near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let (mut from, mut to) = (near.try_clone().ok()?, far.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut far, &mut near);
    let _ = near.shutdown(std::net::Shutdown::Both);
    Some(())
}

/// Sends by `host`, which is the peer, and reads on Dovecot.
fn at(sender: &Sender, host: &str, peer: &Home) {
    let (user, imap) = (&sender.w.user, sender.w.server.get("IMAP_PORT"));
    let more = format!(
        "receive = \"imap://{user}@imap.example.org:{imap}\"\ntls = {{ mode = \"none\" }}\nproxy = \"socks5://127.0.0.1:{}\"",
        proxy()
    );
    sender.configure(&format!("smtp://{user}@{host}:{}", peer.port), &more);
}

fn sent(sender: &Sender) -> usize {
    sender.w.server.list(&sender.w.user).get("Sent").map_or(0, Vec::len)
}

#[test]
fn a_message_whose_answer_was_lost_is_found_where_the_provider_filed_it() {
    for host in ["smtp.gmail.com", "smtp.office365.com"] {
        let (Some(sender), peer) = (Sender::new("provider"), Home::able()) else { return };
        at(&sender, host, &peer);
        sender.run(&["send", "--allow-cleartext", "a@example.net"], message("first", "a@example.net")).exit(0);
        assert_eq!(sent(&sender), 0, "no copy of ours: {host}");
        peer.hook(|line, _| (line == ".").then(|| last("")).flatten());
        sender.run(&["send", "--allow-cleartext", "a@example.net"], message("second", "a@example.net")).exit(3);
        peer.honest();
        // Not there yet, or never: it stays a person's to decide.
        let flush = || sender.run(&["send", "--allow-cleartext", "--flush", "-v"], "");
        let uncertain = || sender.files().iter().filter(|file| file.ends_with(".uncertain")).count();
        flush();
        assert_eq!((uncertain(), peer.taken().len()), (1, 2), "{host}");
        let (first, second) = (&peer.taken()[0], &peer.taken()[1]);
        sender.w.server.append(&sender.w.user, "Sent", first, "", 1_700_000_000);
        flush();
        assert_eq!(uncertain(), 1, "another message proves nothing: {host}");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        sender.w.server.append(&sender.w.user, "Sent", second, "\\Seen", now as i64);
        flush().exit(0);
        assert_eq!((uncertain(), peer.taken().len(), sent(&sender)), (0, 2, 2), "{host}");
    }
}
