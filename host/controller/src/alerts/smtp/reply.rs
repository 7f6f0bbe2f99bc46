//! A mail server's reply (RFC 5321 section 4.2), read within limits.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Failed;

/// Maximum length of a reply's line in bytes. RFC 5321 section 4.5.3.1.5 allows 512.
const MAX_LINE_BYTES: usize = 4096;
/// Maximum number of lines of a reply: one for each extension that a server offers, or a banner's
/// text.
const MAX_LINES: usize = 256;

/// A reply: its code, and the text of each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Reads one reply. Further bytes after it are an error: no command asked for them, and they
    /// must not be taken for the answer to the next one. This matters most for the first command
    /// after STARTTLS.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Reply, Failed> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        let (mut received, mut start, mut chunk) = (Vec::new(), 0, [0; 1024]);
        loop {
            while let Some(length) = memchr::memchr(b'\n', &received[start..]) {
                let (line, rest) =
                    (&received[start..start + length], received.len() - start - length - 1);
                let is_last = reply.take_line(line)?;
                start += length + 1;
                match (is_last, rest) {
                    (true, 0) => return Ok(reply),
                    (true, _) => {
                        return Err(broken(format!(
                            "expected one reply, got more bytes behind {reply}"
                        )));
                    }
                    (false, _) => {}
                }
            }
            if received.len() - start > MAX_LINE_BYTES {
                return Err(broken(format!(
                    "expected a line of at most {MAX_LINE_BYTES} bytes, got a longer one"
                )));
            }
            received.drain(..start);
            start = 0;
            let bytes = from.read(&mut chunk).await.map_err(Failed::io)?;
            if bytes == 0 {
                return Err(broken("expected a reply, got the end of the connection".to_owned()));
            }
            received.extend_from_slice(&chunk[..bytes]);
        }
    }

    /// Adds a line, without its line end. Returns whether it is the last one.
    fn take_line(&mut self, line: &[u8]) -> Result<bool, Failed> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let shown = || crate::text::clipped(line, 60);
        let (digits, rest) = line.split_at_checked(3).unwrap_or((line, &[]));
        let code = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let code = code.filter(|code| (200..600).contains(code));
        let (Some(code), b"" | [b' ' | b'-', ..]) = (code, rest) else {
            return Err(broken(format!("expected a reply as of SMTP, got `{}`", shown())));
        };
        if self.lines.len() >= MAX_LINES {
            return Err(broken(format!("expected a reply of at most {MAX_LINES} lines, got more")));
        }
        if !self.lines.is_empty() && code != self.code {
            return Err(broken(format!(
                "expected one code in a reply, got {} and {code}",
                self.code
            )));
        }
        self.code = code;
        self.lines
            .push(String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).trim().to_owned());
        Ok(rest.first() != Some(&b'-'))
    }

    /// Returns whether an EHLO reply offers an extension, with this parameter if any (RFC 5321
    /// section 4.1.1.1).
    pub(super) fn offers(&self, keyword: &str, parameter: Option<&str>) -> bool {
        self.lines.iter().skip(1).any(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
                && parameter
                    .is_none_or(|wanted| words.any(|word| word.eq_ignore_ascii_case(wanted)))
        })
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" "))
    }
}

fn broken(text: String) -> Failed {
    Failed::Broken(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<Reply, String> {
        Reply::read(&mut bytes).await.map_err(|failed| failed.to_string())
    }

    #[tokio::test]
    async fn replies_have_one_line_or_several() {
        let reply =
            read(b"250-mail.example hello\r\n250-AUTH PLAIN LOGIN\r\n250-   \r\n250 8BITMIME\r\n")
                .await
                .unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(reply.lines, ["mail.example hello", "AUTH PLAIN LOGIN", "", "8BITMIME"]);
        assert!(reply.offers("auth", Some("login")) && reply.offers("8BITMIME", None));
        assert!(!reply.offers("AUTH", Some("XOAUTH2")) && !reply.offers("mail.example", None));
        assert_eq!(read(b"354\r\n").await.unwrap().code, 354);
        assert_eq!(read(b"250 unix\n").await.unwrap().to_string(), "250 unix");
    }

    #[tokio::test]
    async fn what_is_no_reply_is_refused() {
        for (bytes, want) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "expected a reply as of SMTP, got `HTTP/1.1"),
            (b"+12 x\r\n", "as of SMTP"),
            (b"199 x\r\n", "as of SMTP"),
            (b"250x\r\n", "as of SMTP"),
            (b"250-a\r\n550 b\r\n", "got 250 and 550"),
            (b"220 go\r\n250 fake\r\n", "got more bytes behind 220 go"),
            (b"220 go\r\n2", "got more bytes behind 220 go"),
            (b"250-a\r\n", "end of the connection"),
            (b"", "end of the connection"),
        ] {
            let error = read(bytes).await.unwrap_err();
            assert!(error.contains(want), "{bytes:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_reply_without_end_is_not_read() {
        let mut line = tokio::io::repeat(b'2');
        let error = Reply::read(&mut line).await.unwrap_err().to_string();
        assert!(error.contains("as of SMTP") || error.contains("4096 bytes"), "{error}");
        let lines = b"220-hello\r\n".repeat(MAX_LINES + 1);
        assert!(read(&lines).await.unwrap_err().contains("at most 256 lines"));
    }
}
