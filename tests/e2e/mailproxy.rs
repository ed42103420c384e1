//! Stands between the bridge and a mail server, and can play one in trouble.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often a connection looks whether it is to be cut.
const LOOK: Duration = Duration::from_millis(50);

/// What the bridge meets behind the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail {
    /// The server as it is.
    Well,
    /// Connections are closed at once.
    Closed,
    /// Connections are taken, and nothing is ever said.
    Silent,
    /// Each answer takes that long, in milliseconds.
    Slow(u64),
    /// No login is taken: `NO [AUTHENTICATIONFAILED]`.
    Refuses,
    /// No login is possible now: `NO [UNAVAILABLE]`.
    Unavailable,
    /// The connection breaks after so many bytes from the server.
    Cut(u64),
    /// After so many bytes of a connection nothing reaches the server any more.
    Stops(u64),
    /// What the server says is noise after the login.
    Noise,
}

#[derive(Debug)]
struct Inner {
    mood: Mutex<(Mail, u64)>,
    sent: AtomicU64,
    received: AtomicU64,
    connections: AtomicU64,
}

/// The proxy; its threads end with the test program.
#[derive(Debug, Clone)]
pub(crate) struct MailProxy {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

impl MailProxy {
    pub(crate) fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Inner {
            mood: Mutex::new((Mail::Well, 0)),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        };
        let proxy = Self { address, inner: Arc::new(inner) };
        let for_thread = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = for_thread.clone();
                std::thread::spawn(move || proxy.serve(client, target));
            }
        });
        proxy
    }

    /// Changes the mood; connections that are open are cut, as a restart of the server does, and gone when this comes back.
    pub(crate) fn set(&self, mood: Mail) {
        {
            let mut now = self.inner.mood.lock().unwrap();
            *now = (mood, now.1 + 1);
        }
        // They look for it twenty times a second.
        std::thread::sleep(2 * LOOK);
    }

    /// Bytes from the server so far.
    pub(crate) fn received(&self) -> u64 {
        self.inner.received.load(Ordering::SeqCst)
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.inner.connections.load(Ordering::SeqCst)
    }

    fn look(&self) -> (Mail, u64) {
        *self.inner.mood.lock().unwrap()
    }

    fn serve(&self, client: TcpStream, target: SocketAddr) {
        self.inner.connections.fetch_add(1, Ordering::SeqCst);
        let (mood, generation) = self.look();
        match mood {
            Mail::Closed => {}
            Mail::Silent => {
                while self.look().1 == generation {
                    std::thread::sleep(LOOK);
                }
            }
            Mail::Refuses => refuse(client, "[AUTHENTICATIONFAILED] Authentication failed."),
            Mail::Unavailable => refuse(client, "[UNAVAILABLE] Temporary authentication failure."),
            _ => self.pass(&client, target, generation),
        }
    }

    fn pass(&self, client: &TcpStream, target: SocketAddr, generation: u64) {
        let Ok(server) = TcpStream::connect(target) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let proxy = self.clone();
        let back = std::thread::spawn(move || proxy.copy(from_server, to_client, generation, true));
        self.copy(client.try_clone().unwrap(), server, generation, false);
        let _ = back.join();
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, generation: u64, answers: bool) {
        let _ = from.set_read_timeout(Some(LOOK));
        let (mut buffer, mut so_far) = (vec![0; 65536], 0_u64);
        while self.look().1 == generation {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) if answers => {
                    self.inner.received.fetch_add(n as u64, Ordering::SeqCst);
                    so_far += n as u64;
                    let chunk = &mut buffer[..n];
                    match self.look().0 {
                        Mail::Slow(delay) => std::thread::sleep(Duration::from_millis(delay)),
                        Mail::Cut(limit) if so_far > limit => break,
                        Mail::Noise if so_far > 1000 => chunk.iter_mut().for_each(|b| *b = b.wrapping_mul(7) ^ 0x55),
                        _ => {}
                    }
                    if to.write_all(chunk).is_err() {
                        break;
                    }
                }
                Ok(n) => {
                    so_far += n as u64;
                    if let Mail::Stops(limit) = self.look().0
                        && so_far > limit
                    {
                        while self.look().1 == generation {
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        break;
                    }
                    self.inner.sent.fetch_add(n as u64, Ordering::SeqCst);
                    if to.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// An IMAP server that lets nobody in.
fn refuse(mut client: TcpStream, why: &str) {
    let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready.\r\n";
    if client.write_all(greeting.as_bytes()).is_err() {
        return;
    }
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
        let mut words = line.split_whitespace();
        let (tag, command) = (words.next().unwrap_or("*").to_owned(), words.next().unwrap_or("").to_uppercase());
        let answer = match command.as_str() {
            "LOGIN" | "AUTHENTICATE" => format!("{tag} NO {why}\r\n"),
            "LOGOUT" => format!("* BYE bye\r\n{tag} OK bye\r\n"),
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN\r\n{tag} OK done\r\n"),
            _ => format!("{tag} BAD log in first\r\n"),
        };
        if client.write_all(answer.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}
