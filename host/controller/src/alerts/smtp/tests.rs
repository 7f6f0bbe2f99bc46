//! Conversations with scripted servers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;
use crate::config::{Secret, SmtpTls};

const MAIL: &[u8] = b"Subject: x\r\n\r\n.a dot\nbare\r\n";

/// Starts a server for one connection. It greets, then answers each line. Returns its port, and the
/// lines that it received.
fn server(
    answer: impl Fn(&str) -> &'static str + Send + 'static,
) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let got = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example\r\n").unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut lines, mut line) = (Vec::new(), String::new());
        while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let text = line.trim_end().to_owned();
            line.clear();
            // Some tests end the connection on purpose.
            let _ = stream.write_all(answer(&text).as_bytes());
            lines.push(text);
        }
        lines
    });
    (port, got)
}

/// The answers of a server that accepts every mail.
fn usual(line: &str) -> &'static str {
    match line.split(' ').next().unwrap_or_default() {
        "EHLO" => "250-mail.example\r\n250-   \r\n250-8BITMIME\r\n250 AUTH LOGIN PLAIN\r\n",
        "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 ok\r\n",
        "DATA" => "354 go\r\n",
        "." => "250 taken\r\n",
        "AUTH" => "235 welcome\r\n",
        "QUIT" => "221 bye\r\n",
        _ => "",
    }
}

fn smtp(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        allow_plaintext: false,
        user: None,
        password: None,
        ca_files: Vec::new(),
        timeout: Duration::from_secs(30),
    }
}

async fn send(smtp: &Smtp) -> Result<(), Trouble> {
    let (from, to): (Address, Address) =
        ("from@a.example".parse().unwrap(), "to@b.example".parse().unwrap());
    Server::new(smtp).send(&from, &to, MAIL).await
}

#[tokio::test]
async fn mails_go_over_one_connection() {
    let (port, got) = server(usual);
    let password = Some(Secret::new("pass".to_owned()));
    let smtp = Smtp { user: Some("me".to_owned()), password, ..smtp(port) };
    let (from, to): (Address, Address) =
        ("from@a.example".parse().unwrap(), "to@b.example".parse().unwrap());
    let mut server = Server::new(&smtp);
    server.send(&from, &to, MAIL).await.unwrap();
    server.send(&from, &to, MAIL).await.unwrap();
    server.quit().await;
    drop(server);
    let lines = got.join().unwrap();
    assert!(lines[0].starts_with("EHLO "), "{lines:?}");
    let mail = [
        "MAIL FROM:<from@a.example>",
        "RCPT TO:<to@b.example>",
        "DATA",
        "Subject: x",
        "",
        "..a dot",
        "bare",
        ".",
    ];
    let wanted = [&["AUTH PLAIN AG1lAHBhc3M="][..], &mail, &["NOOP"], &mail, &["QUIT"]].concat();
    assert_eq!(lines[1..], wanted);
}

#[tokio::test]
async fn replies_say_what_becomes_of_a_mail() {
    for (command, reply, want) in [
        ("RCPT", "421 closing\r\n", Trouble::Broken("421 closing".to_owned())),
        ("RCPT", "450 later\r\n", Trouble::Later("450 later".to_owned())),
        (".", "554 spam\r\n", Trouble::Never("554 spam".to_owned())),
        (".", "354 go\r\n", Trouble::Broken("expected the reply 250, got 354 go".to_owned())),
        (
            "RCPT",
            "250 ok\r\n354 go\r\n",
            Trouble::Broken("expected one reply, got more bytes behind 250 ok".to_owned()),
        ),
        (
            "MAIL",
            "550 no\r\n",
            Trouble::Server("the server refuses the sender from@a.example: 550 no".to_owned()),
        ),
    ] {
        let answer = move |line: &str| {
            if line.split(' ').next() == Some(command) { reply } else { usual(line) }
        };
        let (port, _) = server(answer);
        assert_eq!(send(&smtp(port)).await, Err(want), "{command} {reply}");
    }
}

#[tokio::test]
async fn bytes_behind_starttls_are_refused() {
    let (port, got) = server(|line| match line.split(' ').next().unwrap_or_default() {
        "EHLO" => "250-mail.example\r\n250 STARTTLS\r\n",
        "STARTTLS" => "220 go\r\n250-mail.example\r\n250 8BITMIME\r\n",
        _ => "",
    });
    let smtp = Smtp { tls: SmtpTls::StartTls, ..smtp(port) };
    let error = format!("{:?}", send(&smtp).await.unwrap_err());
    assert!(error.contains("got more bytes behind 220 go"), "{error}");
    assert_eq!(got.join().unwrap().last().map(String::as_str), Some("STARTTLS"));
}

#[tokio::test]
async fn a_banner_without_end_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(&[b'2'; 65536]).is_ok() {}
    });
    let error = format!("{:?}", send(&smtp(port)).await.unwrap_err());
    assert!(error.contains("a line of at most 4096 bytes"), "{error}");
}
