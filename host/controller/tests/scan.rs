//! Tests of `threatsieve scan`, as scripts use it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by it, and reads what it made itself"
)]

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use program::{Folder, squid};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn listed() -> Folder {
    let folder = Folder::new();
    folder.write("l.txt", "evil.com\n9.9.9.0/24\nhttp://url.example/x?a=b\n");
    folder
}

#[test]
fn json_says_what_matched_and_why() {
    let folder = listed();
    folder.write("a.log", squid("http://good.example/") + &squid("http://www.evil.com/x"));
    let done = folder.run("scan --json --list l.txt a.log").expect(0);
    let [event] = done.json().try_into().unwrap();
    assert_eq!((&event["file"], &event["line"]), (&"a.log".into(), &2.into()));
    assert_eq!(event["raw"], squid("http://www.evil.com/x").trim_end());
    assert!(event.get("raw_base64").is_none());
    assert_eq!(event["event"]["source"]["ip"], "192.168.7.9");
    let one = &event["matches"][0];
    assert_eq!(one["observable"], "http://www.evil.com/x");
    assert_eq!(one["match"], "subdomain");
    assert_eq!(one["entry"], serde_json::json!({"type": "domain-name", "value": "evil.com"}));
    assert_eq!(one["indicators"][0]["id"], "l.txt:1");
    assert!(done.err.contains("1 event matched of 2 lines"), "{}", done.err);
}

#[test]
fn bytes_that_are_no_utf8_are_kept_beside_the_text() {
    let folder = listed();
    folder.write("a.log", b"x\xff evil.com\n");
    let [event] = folder
        .run("scan --json --log-format text --list l.txt a.log")
        .expect(0)
        .json()
        .try_into()
        .unwrap();
    assert_eq!(event["raw"], "x\u{fffd} evil.com");
    assert_eq!(event["raw_base64"], "eP8gZXZpbC5jb20=");
}

#[test]
fn count_files_and_quiet() {
    let folder = listed();
    folder.write("a.log", squid("http://evil.com/").repeat(3));
    folder.write("b.log", squid("http://good.example/"));
    assert_eq!(folder.run("scan --count --list l.txt a.log b.log").expect(0).out, "3\n");
    assert_eq!(folder.run("scan --count --list l.txt b.log").expect(0).out, "0\n");
    assert_eq!(
        folder.run("scan --files-with-matches --list l.txt b.log a.log a.log").expect(0).out,
        "a.log\na.log\n"
    );
    let quiet = folder.run("scan --quiet --exit-code --list l.txt b.log a.log").expect(1);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    folder.run("scan --quiet --exit-code --list l.txt b.log").expect(0);
    folder.run("scan --quiet --list l.txt a.log").expect(0);
}

#[test]
fn quiet_stops_at_the_first_match_of_an_endless_input() {
    let folder = listed();
    let mut child = folder.start("scan --quiet --exit-code --log-format lines --list l.txt -");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"good.example\nevil.com\n").unwrap();
    // Standard input stays open.
    let start = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_match_is_told_while_the_input_is_still_open() {
    let folder = listed();
    let mut child = folder.start("scan --json --log-format lines --list l.txt -");
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for number in 1..=3 {
        stdin.write_all(b"www.evil.com\nwww.go").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(&format!("\"line\":{}", 2 * number - 1)), "{line}");
        stdin.write_all(b"od.example\n").unwrap();
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn damaged_input_is_4_and_the_rest_is_read() {
    let folder = listed();
    let packed = gzip(
        (0..50_000).map(|n| squid(&format!("http://evil.com/{n}"))).collect::<String>().as_bytes(),
    );
    folder.write("a.log.gz", &packed[..packed.len() / 2]);
    folder.write("b.log", squid("http://evil.com/"));
    let done =
        folder.run("scan --json --exit-code --list l.txt a.log.gz missing.log b.log").expect(4);
    assert!(
        done.err.contains("a.log.gz") && done.err.contains("gzip data near byte"),
        "{}",
        done.err
    );
    assert!(done.err.contains("missing.log: no such file or folder"), "{}", done.err);
    let files: Vec<_> = done.json().into_iter().map(|event| event["file"].clone()).collect();
    assert!(files.len() > 1000 && files[0] == "a.log.gz" && files[files.len() - 1] == "b.log");
}

#[test]
fn a_file_that_is_not_there_is_2_and_the_others_are_read() {
    let folder = listed();
    folder.write("logs/a.log", squid("http://evil.com/"));
    for exit_code in ["", "--exit-code"] {
        let done = folder
            .run(&format!("scan --count {exit_code} --list l.txt missing.log logs"))
            .expect(2);
        assert_eq!(done.out, "1\n");
        assert!(done.err.contains("missing.log: no such file or folder"), "{}", done.err);
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = listed();
    folder.write(
        "a.log",
        (0..100_000).map(|n| squid(&format!("http://evil.com/{n}"))).collect::<String>(),
    );
    let mut child = folder.start("scan --list l.txt a.log");
    drop(child.stdin.take());
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn order_is_the_inputs_with_any_number_of_threads() {
    let folder = listed();
    for file in 0..3 {
        let host = |n| if n % 3 == 0 { "evil.com" } else { "good.example" };
        let text: String = (0..30_000).map(|n| squid(&format!("http://{}/{n}", host(n)))).collect();
        folder.write(&format!("logs/{file}.log"), text);
    }
    let one = folder.run("scan --json --threads 1 --list l.txt logs").expect(0);
    assert_eq!(one.out.lines().count(), 30_000);
    for threads in [2, 7] {
        let many =
            folder.run(&format!("scan --json --threads {threads} --list l.txt logs")).expect(0);
        assert!(many.out == one.out, "{threads} threads");
    }
}

#[test]
fn odd_lines_are_counted_and_told() {
    let folder = listed();
    let long = "a".repeat(20 * 1024 * 1024);
    let text =
        ["evil.com/".to_owned() + &long, String::new(), "\0\0".to_owned(), "evil.com\r".to_owned()]
            .join("\n");
    folder.write("a.log", text);
    let done = folder.run("scan --count --log-format text --list l.txt a.log").expect(4);
    assert_eq!(done.out, "2\n");
    assert!(done.err.contains("1 overlong line"), "{}", done.err);
    folder.write("b.log", squid("http://evil.com/") + "rubbish\n\n1787443200.000\n");
    let done = folder.run("scan --count --log-format squid --list l.txt b.log").expect(0);
    assert_eq!(done.out, "1\n");
    assert!(done.err.contains("2 malformed lines") && done.err.contains("b.log:2"), "{}", done.err);
}

#[test]
fn a_line_with_more_values_than_a_batch_is_one_event() {
    let folder = listed();
    let mut line = (0..150_000).map(|n| format!("h{n}.example ")).collect::<String>();
    line.push_str("evil.com\n");
    folder.write("a.log", format!("evil.com {line}last evil.com\n"));
    let done = folder.run("scan --json --log-format text --list l.txt a.log").expect(0);
    let events = done.json();
    let found: Vec<_> = events
        .iter()
        .map(|e| (e["line"].as_u64().unwrap(), e["matches"].as_array().unwrap().len()))
        .collect();
    assert_eq!(found, [(1, 2), (2, 1)]);
}

#[test]
fn partial_matches_and_the_allow_list_are_told() {
    let folder = listed();
    folder.write("allow.txt", "good.evil.com\n");
    folder.write("a.log", squid("http://url.example/x?") + &squid("http://good.evil.com/"));
    let done = folder.run("scan --count --list l.txt --allow allow.txt a.log").expect(0);
    assert_eq!(done.out, "0\n");
    assert!(done.err.contains("1 match suppressed by the allow-list"), "{}", done.err);
    assert!(done.err.contains("1 partial match"), "{}", done.err);
    assert_eq!(folder.run("scan --count --partial --list l.txt a.log").expect(0).out, "2\n");
}

#[test]
fn a_blacklist_goes_with_lists_and_allow_lists() {
    let folder = listed();
    folder.write("more.txt", "other.example\nwww.evil.com\n");
    folder.write("allow.txt", "good.evil.com\n");
    folder.write("prefix.txt", "http://url.example/p\ngithub.io\n.netlify.app\n*.below.example\n");
    folder.run("build --url-match prefix --list l.txt --list prefix.txt -o b").expect(0);
    let values = "evil.com\ngood.evil.com\nwww.evil.com\nother.example\n\
                  http://url.example/p/q\na.github.io\ngithub.io\n\
                  a.netlify.app\nbelow.example\na.below.example\n";
    let both = "scan --json --log-format lines --blacklist b --list more.txt --allow allow.txt -";
    assert_eq!(
        folder.run_with(both, values.as_bytes()).expect(0).matches(),
        [
            "1:evil.com",
            "3:www.evil.com",
            "3:evil.com",
            "4:other.example",
            "5:http://url.example/p",
            "7:github.io",
            "8:netlify.app",
            "10:below.example"
        ]
    );
    let alone = folder
        .run_with("scan --count --log-format lines --blacklist b -", values.as_bytes())
        .expect(0);
    assert_eq!(alone.out, "7\n");
}

#[test]
fn wrong_usage_is_2_and_says_what_to_do() {
    let folder = listed();
    for (arguments, part) in [
        ("scan -", "--list"),
        ("scan --list missing.txt -", "missing.txt"),
        ("scan --list l.txt --json --count -", "--count"),
        ("scan --list l.txt --at yesterday -", "RFC 3339"),
        ("scan --list l.txt --max-tlp pink -", "AMBER+STRICT"),
        ("scan --list - -", "standard input"),
        ("scan --blacklist missing -", "missing"),
    ] {
        let done = folder.run(arguments).expect(2);
        assert!(done.err.contains(part) && done.out.is_empty(), "{arguments}: {}", done.err);
    }
}
