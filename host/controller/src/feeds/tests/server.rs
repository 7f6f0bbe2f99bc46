//! A web server for tests. It answers as the test decides, and remembers its requests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// A request that the server received.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer, and the faults that it has.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes by which the declared length of the body is too large.
    pub(crate) missing_bytes: usize,
    /// Sends bytes without end after the body.
    pub(crate) is_endless: bool,
    /// Sends the body in chunks, without its length.
    pub(crate) is_chunked: bool,
    /// Wait before each byte of the body.
    pub(crate) pause: Option<Duration>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
            missing_bytes: 0,
            is_endless: false,
            is_chunked: false,
            pause: None,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn send(self, mut to: TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Told\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.is_chunked {
            head += "Transfer-Encoding: chunked\r\n";
        } else if !self.is_endless {
            head += &format!("Content-Length: {}\r\n", self.body.len() + self.missing_bytes);
        }
        to.write_all(format!("{head}\r\n").as_bytes())?;
        if self.is_chunked {
            return self.send_chunks(&mut to);
        }
        match self.pause {
            Some(pause) => {
                for byte in self.body {
                    std::thread::sleep(pause);
                    to.write_all(&[byte])?;
                }
            }
            None => to.write_all(&self.body)?,
        }
        if self.is_endless {
            // Ends when the client closes the connection.
            loop {
                to.write_all(&[b'x'; 65536])?;
            }
        }
        Ok(())
    }
}

impl Reply {
    fn send_chunks(&self, to: &mut TcpStream) -> std::io::Result<()> {
        let mut send = |bytes: &[u8]| {
            to.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
            to.write_all(bytes)?;
            to.write_all(b"\r\n")
        };
        self.body.iter().try_for_each(|byte| send(&[*byte]))?;
        if self.is_endless {
            loop {
                send(&[b'x'; 65536])?;
            }
        }
        to.write_all(b"0\r\n\r\n")
    }
}

/// A running server. It stays until the test program ends.
pub(crate) struct Server {
    pub(crate) url: Url,
    asked: Arc<Mutex<Vec<Ask>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let log: Arc<Mutex<Vec<Ask>>> = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    let Some(ask) = read(&stream) else { return };
                    log.lock().unwrap().push(ask.clone());
                    // Some tests are about clients that close the connection.
                    let _ = answer(&ask).send(stream);
                });
            }
        });
        Server { url, asked }
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }
}

fn read(stream: &TcpStream) -> Option<Ask> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let url = Url::parse("http://host/").ok()?.join(&path).ok()?;
    let mut headers = HashMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Ask { method, path, query: url.query_pairs().into_owned().collect(), headers, body })
}
