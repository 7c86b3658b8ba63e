//! A TCP proxy on the way to a server, that can be silent or reset what stands.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a connection.
const PASS: usize = 0;
const SILENT: usize = 1;
const CUT: usize = 2;

/// A connection through the proxy.
struct Line {
    mode: Arc<AtomicUsize>,
    ends: [TcpStream; 2],
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    lines: Arc<Mutex<Vec<Line>>>,
    count: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy =
            Self { port: listener.local_addr().unwrap().port(), lines: Arc::default(), count: Arc::default(), open: Arc::default() };
        let own = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                own.count.fetch_add(1, SeqCst);
                own.open.fetch_add(1, SeqCst);
                let mode = Arc::new(AtomicUsize::new(PASS));
                let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                own.lines.lock().unwrap().push(Line { mode: mode.clone(), ends });
                let open = own.open.clone();
                pump(client.try_clone().unwrap(), server.try_clone().unwrap(), mode.clone(), || {});
                pump(server, client, mode, move || {
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        proxy
    }

    /// Connections so far.
    pub fn count(&self) -> usize {
        self.count.load(SeqCst)
    }

    /// Connections that stand now.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Those that stand now say nothing any more, for ever; new ones work.
    pub fn silence(&self) {
        self.lines.lock().unwrap().iter().for_each(|line| line.mode.store(SILENT, SeqCst));
    }

    /// Those that stand now end.
    pub fn reset(&self) {
        for line in self.lines.lock().unwrap().drain(..) {
            // One that holds something back in both directions hears of no end by itself.
            line.mode.store(CUT, SeqCst);
            let _ = line.ends.map(|end| end.shutdown(Shutdown::Both));
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, mode: Arc<AtomicUsize>, end: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        let mut octets = [0; 16 << 10];
        while let Ok(n @ 1..) = from.read(&mut octets) {
            while mode.load(SeqCst) == SILENT {
                std::thread::sleep(Duration::from_millis(50));
            }
            if to.write_all(&octets[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
        end();
    });
}
