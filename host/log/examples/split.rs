//! Measures how fast lines are split: `cargo run --release -p threatsieve-log --example split
//! [LINES [NAME]]`.
//!
//! Prints GB/s and ns per line for generated logs: one thread, the best of five rounds.

use std::fmt::Write as _;
use std::time::Instant;

use threatsieve_log::{Fields, Format, Parser};

fn main() {
    let lines = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let only = std::env::args().nth(2).unwrap_or_default();
    for (name, format, line) in [
        ("squid", Format::Squid, squid as fn(&mut String, u32)),
        ("combined", Format::Combined, combined),
        ("ndjson (EVE)", Format::Ndjson, eve),
        ("zeek (dns)", Format::Zeek, zeek),
        ("lines", Format::Lines, host),
        ("text (syslog)", Format::Text, syslog),
        ("text (squid)", Format::Text, squid),
    ] {
        if !name.starts_with(&only) {
            continue;
        }
        let mut log = String::new();
        for i in 0..lines {
            line(&mut log, i);
            log.push('\n');
        }
        measure(name, format, log.as_bytes(), f64::from(lines));
    }
}

#[expect(clippy::print_stdout, reason = "a measurement's output")]
fn measure(name: &str, format: Format, log: &[u8], lines: f64) {
    let mut parser = Parser::new(format, &Fields::default());
    if let Some(next) = parser.header_change(
        b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tanswers",
    ) {
        parser = next;
    }
    let mut best = f64::MAX;
    let (mut count, mut malformed) = (0u64, 0u64);
    for _ in 0..5 {
        (count, malformed) = (0, 0);
        let mut bytes = 0;
        let start = Instant::now();
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', log) {
            let read = parser.observables(&log[from..end], &mut |_, value| {
                count += 1;
                bytes += value.len();
            });
            malformed += u64::from(read.is_some());
            from = end + 1;
        }
        std::hint::black_box(bytes);
        best = best.min(start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    std::hint::black_box(
        memchr::memchr_iter(b'\n', log)
            .map(|end| log[end - 1])
            .fold(0u64, |sum, b| sum + u64::from(b)),
    );
    let newlines = start.elapsed().as_secs_f64();
    println!(
        "{name:14} {:6.2} GB/s {:7.1} ns a line of {:4.0} bytes, {count} observables, {malformed} malformed; finding newlines alone {:.1} ns",
        log.len() as f64 / best / 1e9,
        best / lines * 1e9,
        log.len() as f64 / lines,
        newlines / lines * 1e9
    );
}

fn host(log: &mut String, i: u32) {
    let _ = write!(log, "www{}.site{}.example.com", i % 7, i.wrapping_mul(2_654_435_761) % 50_000);
}

fn address(log: &mut String, i: u32) {
    let [a, b, c, _] = i.wrapping_mul(2_246_822_519).to_be_bytes();
    let _ = write!(log, "{}.{b}.{c}.{a}", 1 + a % 220);
}

fn squid(log: &mut String, i: u32) {
    let _ = write!(
        log,
        "1795314625.{:03} {:6} 10.1.{}.{} TCP_MISS/200 {} GET http://",
        i % 1000,
        i % 977,
        i % 200,
        i % 250,
        i % 90_000
    );
    host(log, i);
    let _ = write!(log, "/assets/{i}/{}.html? - HIER_DIRECT/", i % 991);
    address(log, i);
    log.push_str(" text/html");
}

fn combined(log: &mut String, i: u32) {
    let _ =
        write!(log, "10.1.{}.{} - - [22/Nov/2026:02:30:25 +0000] \"GET http://", i % 200, i % 250);
    host(log, i);
    let _ = write!(log, "/assets/{i} HTTP/1.1\" 200 {} \"http://", i % 90_000);
    host(log, i + 1);
    log.push_str(
        "/\" \"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\" TCP_MISS:HIER_DIRECT",
    );
}

fn eve(log: &mut String, i: u32) {
    let _ = write!(
        log,
        r#"{{"timestamp":"2026-11-22T02:30:25.{:06}+0000","flow_id":9{i}99,"in_iface":"eth0","event_type":"http","src_ip":"10.1.2.3","src_port":{},"dest_ip":""#,
        i % 1_000_000,
        i % 65_536
    );
    address(log, i);
    log.push_str(r#"","dest_port":80,"proto":"TCP","tx_id":0,"http":{"hostname":""#);
    host(log, i);
    let _ = write!(
        log,
        r#"","url":"/assets/{i}","http_user_agent":"Mozilla/5.0 (X11; Linux x86_64)","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":{}}}}}"#,
        i % 5000
    );
}

fn zeek(log: &mut String, i: u32) {
    let _ = write!(
        log,
        "1795314625.{:06}\tC{i:x}\t10.1.2.3\t{}\t10.0.0.53\t53\tudp\t",
        i % 1_000_000,
        i % 65_536
    );
    host(log, i);
    log.push('\t');
    address(log, i);
}

fn syslog(log: &mut String, i: u32) {
    let _ = write!(
        log,
        "Nov 22 02:30:{:02} gw{} sshd[{}]: Failed password for invalid user admin from ",
        i % 60,
        i % 5,
        i % 30_000
    );
    address(log, i);
    let _ = write!(log, " port {} ssh2 after 3 attempts on this connection", i % 65_536);
}
