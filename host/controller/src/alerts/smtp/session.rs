//! One conversation with a mail server: a command, then its reply, each within the time limit.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Failed;
use super::reply::Reply;

/// The connection in its present form.
enum Wire {
    Plain(TcpStream),
    Encrypted(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that speaks SMTP.
pub(super) struct Session {
    wire: Wire,
    /// Time limit for a reply.
    limit: Duration,
    /// The reply to the last EHLO, or `None` before the first.
    offer: Option<Reply>,
}

impl Session {
    pub(super) fn new(stream: TcpStream, limit: Duration) -> Session {
        Session { wire: Wire::Plain(stream), limit, offer: None }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.wire, Wire::Encrypted(_))
    }

    /// Returns whether the server offers an extension. Before EHLO it offers none.
    pub(super) fn offers(&self, keyword: &str, parameter: Option<&str>) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.offers(keyword, parameter))
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self) -> Result<(), Failed> {
        let reply = self.reply().await?;
        expect(&reply, 220).map(drop)
    }

    /// Sends EHLO, and stores what the server offers.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), Failed> {
        self.offer = None;
        self.offer = Some(self.command(&format!("EHLO {name}"), 250).await?);
        Ok(())
    }

    /// Encrypts the connection. Nothing that was received before counts any more (RFC 3207 section
    /// 4.2). The reply to STARTTLS is the last plain byte that is read.
    pub(super) async fn start_tls(
        self,
        tls: Arc<ClientConfig>,
        host: &str,
    ) -> Result<Session, Failed> {
        let Session { wire, limit, offer } = self;
        let stream = match wire {
            Wire::Plain(stream) => stream,
            wire @ Wire::Encrypted(_) => return Ok(Session { wire, limit, offer }),
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Failed::Broken(format!("expected a host's name for TLS, got {host:?}")))?;
        let stream = within(limit, TlsConnector::from(tls).connect(name, stream)).await?;
        let stream = stream.map_err(Failed::io)?;
        Ok(Session { wire: Wire::Encrypted(Box::new(stream)), limit, offer: None })
    }

    /// Sends a command. Any reply other than `wanted` is an error.
    pub(super) async fn command(&mut self, command: &str, wanted: u16) -> Result<Reply, Failed> {
        // The text of an address or a name must not add a command.
        if command.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(Failed::Broken("expected a command without control characters".to_owned()));
        }
        self.check_silence().await?;
        self.write(format!("{command}\r\n").as_bytes()).await?;
        let reply = self.reply().await?;
        expect(&reply, wanted)?;
        Ok(reply)
    }

    /// Sends a mail after the reply to DATA (RFC 5321 section 4.5.2). Every line is ended with
    /// CRLF. Otherwise a line end that only some servers understand could end the mail early.
    pub(super) async fn mail(&mut self, mail: &[u8]) -> Result<Reply, Failed> {
        self.check_silence().await?;
        let mut text = Vec::with_capacity(mail.len() + 1024);
        for line in mail.strip_suffix(b"\n").unwrap_or(mail).split(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                text.push(b'.');
            }
            text.extend(line.iter().copied().filter(|byte| *byte != b'\r'));
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b".\r\n");
        self.write(&text).await?;
        let reply = self.reply().await?;
        expect(&reply, 250)?;
        Ok(reply)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let limit = self.limit;
        let stream = self.stream();
        let write = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        within(limit, write).await?.map_err(Failed::io)
    }

    async fn reply(&mut self) -> Result<Reply, Failed> {
        let limit = self.limit;
        let mut stream = self.stream();
        within(limit, Reply::read(&mut stream)).await?
    }

    /// Fails if the server sent something unasked. It may be closing the connection. Or it sent an
    /// extra reply, which would be taken for the answer to the next command.
    async fn check_silence(&mut self) -> Result<(), Failed> {
        let mut stream = self.stream();
        let mut bytes = [0; 512];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = poll_fn(|cx| match Pin::new(&mut stream).poll_read(cx, &mut buffer) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        match read.await {
            None => Ok(()),
            Some(Err(error)) => Err(Failed::io(error)),
            Some(Ok(())) if buffer.filled().is_empty() => {
                Err(Failed::Broken("the server closed the connection".to_owned()))
            }
            Some(Ok(())) => {
                let got = String::from_utf8_lossy(buffer.filled());
                Err(Failed::Broken(format!(
                    "expected silence before the next command, got `{}`",
                    got.trim()
                )))
            }
        }
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match &mut self.wire {
            Wire::Plain(stream) => stream,
            Wire::Encrypted(stream) => stream.as_mut(),
        }
    }
}

fn expect(reply: &Reply, wanted: u16) -> Result<(), Failed> {
    match reply.code {
        code if code == wanted => Ok(()),
        // The mail is forwarded, or the recipient is not verified (RFC 5321 section 4.2.3).
        251 | 252 if wanted == 250 => Ok(()),
        code @ 400.. => {
            Err(Failed::Refused { code, text: reply.to_string().trim_end().to_owned() })
        }
        _ => Err(Failed::Broken(format!("expected the reply {wanted}, got {reply}"))),
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Failed> {
    tokio::time::timeout(limit, work).await.map_err(|_| {
        Failed::Broken(format!("no answer within {}", humantime::format_duration(limit)))
    })
}
