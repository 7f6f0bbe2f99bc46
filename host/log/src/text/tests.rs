use super::*;

fn found(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    walk(line.as_bytes(), &mut |kind, value| {
        out.push(format!("{kind:?} {}", String::from_utf8_lossy(value)))
    });
    out
}

#[track_caller]
fn expect(line: &str, observables: &[&str]) {
    assert_eq!(found(line), observables, "{line}");
}

#[test]
fn syslog_and_key_value() {
    expect(
        "Nov 22 02:30:25 gw sshd[1234]: Failed password for root from 192.0.2.7 port 22 ssh2",
        &["Address 192.0.2.7"],
    );
    expect(
        "<134>1 2026-11-22T02:30:25.123Z fw.corp.example app - - src=10.1.2.3 dst=192.0.2.7:443 host=www.evil.example. action=allow",
        &["Host fw.corp.example", "Address 10.1.2.3", "Address 192.0.2.7", "Host www.evil.example"],
    );
    expect(
        "dnsmasq[1]: query[A] c2.evil.example from 10.0.0.1, reply c2.evil.example is 2001:db8::7",
        &[
            "Host c2.evil.example",
            "Address 10.0.0.1",
            "Host c2.evil.example",
            "Address 2001:db8::7",
        ],
    );
    expect(
        "%ASA-6-302013: Built outbound TCP connection 1 for outside:203.0.113.5/443 (203.0.113.5/443) to inside:10.1.1.1/51234",
        &["Address 203.0.113.5", "Address 203.0.113.5", "Address 10.1.1.1"],
    );
    expect(
        "denied tcp outside/192.0.2.7(1234) -> inside/10.1.1.2(80)",
        &["Address 192.0.2.7", "Address 10.1.1.2"],
    );
    expect(
        "IP 10.0.0.1.53421 > 8.8.8.8.53: 1+ A? evil.example. (28)",
        &["Address 10.0.0.1", "Address 8.8.8.8", "Host evil.example"],
    );
    expect("IP6 fe80::1.546 > ff02::1:2.547: dhcp6", &["Address fe80::1", "Address ff02::1:2"]);
}

#[test]
fn quotes_brackets_lists_and_json() {
    expect(
        r#"{"host":"a.example","ip":"192.0.2.7","u":"http://b.example/x","n":1.5}"#,
        &["Host a.example", "Address 192.0.2.7", "Url http://b.example/x"],
    );
    expect(
        r#"x {\"host\":\"a.example\",\"l\":[\"b.example\"]}"#,
        &["Host a.example", "Host b.example"],
    );
    expect(r#"{"u":"http:\/\/a.example\/x?y","v":1}"#, &["Url http://a.example/x?y"]);
    expect(
        "a.example,b.example;c.example|d.example",
        &["Host a.example", "Host b.example", "Host c.example", "Host d.example"],
    );
    expect(
        "'a.example' (b.example) [c.example] <d.example> {e.example}",
        &["Host a.example", "Host b.example", "Host c.example", "Host d.example", "Host e.example"],
    );
    expect(
        "see a.example, b.example. Or c.example!",
        &["Host a.example", "Host b.example", "Host c.example"],
    );
    expect(
        "“a.example” «b.example»—c.example",
        &["Host a.example", "Host b.example", "Host c.example"],
    );
    expect(
        r"line\na.example\t192.0.2.7",
        &["Host a.example", "Host na.example", "Address 192.0.2.7"],
    );
    expect(
        "*.a.example ..b.example a..c.example",
        &["Host a.example", "Host b.example", "Host c.example"],
    );
}

#[test]
fn ports_and_prefixes() {
    expect(
        "a.example:443 192.0.2.7:8080 [2001:db8::1]:443 198.51.100.0/24",
        &["Host a.example", "Address 192.0.2.7", "Address 2001:db8::1", "Address 198.51.100.0"],
    );
    expect("192.0.2.1-192.0.2.9", &["Address 192.0.2.1", "Address 192.0.2.9"]);
    expect("192-0-2-1.dyn.example", &["Host 192-0-2-1.dyn.example"]);
    expect(
        "fe80::1%eth0, ::1, ::ffff:192.0.2.7; 2001:db8:0:0:0:0:0:1.",
        &[
            "Address fe80::1",
            "Address ::1",
            "Address ::ffff:192.0.2.7",
            "Address 2001:db8:0:0:0:0:0:1",
        ],
    );
    expect("src:2001:db8::1: gone", &["Address 2001:db8::1"]);
}

#[test]
fn urls() {
    expect(
        "GET http://a.example:8080/x?y=1&z=(2) HTTP/1.1",
        &["Url http://a.example:8080/x?y=1&z=(2)"],
    );
    expect(
        "(see http://a.example/x), or http://b.example/y_(z).",
        &["Url http://a.example/x", "Url http://b.example/y_(z)"],
    );
    expect(
        "url=https://a.example/x'y', 'http://b.example/'",
        &["Url https://a.example/x'y", "Url http://b.example/"],
    );
    expect(
        "http://a.example/x,http://b.example/y",
        &["Url http://a.example/x", "Url http://b.example/y"],
    );
    expect("http://a.example,b.example", &["Url http://a.example", "Host b.example"]);
    expect(
        "1,http://a.example/x,200,b.example",
        &["Url http://a.example/x,200,b.example", "Url http://a.example/x", "Host b.example"],
    );
    expect(
        "http://a.example/?u=http://b.example/x",
        &["Url http://a.example/?u=http://b.example/x", "Url http://b.example/x"],
    );
    expect(
        "http://a.example/?u=http%3A%2F%2Fb.example%2Fx",
        &["Url http://a.example/?u=http%3A%2F%2Fb.example%2Fx"],
    );
    expect(
        "http://u:p@a.example/ http://good.example,x@evil.example/ http://[2001:db8::1]:8/x",
        &[
            "Url http://u:p@a.example/",
            "Url http://good.example,x@evil.example/",
            "Url http://[2001:db8::1]:8/x",
        ],
    );
    expect("[http://a.example/x]: http://[::1]/", &["Url http://a.example/x", "Url http://[::1]/"]);
    expect("http://a.example/x? stripped", &["Url http://a.example/x?"]);
    expect("jdbc:mysql://db.example/x", &["Url mysql://db.example/x"]);
    expect(
        "www.a.example/x.php 192.0.2.7/a.exe b.example:81/y //c.example/z",
        &[
            "Url www.a.example/x.php",
            "Url 192.0.2.7/a.exe",
            "Url b.example:81/y",
            "Url c.example/z",
        ],
    );
    expect("/etc/nginx/nginx.conf a.example/ :// x://", &["Host nginx.conf", "Host a.example"]);
    expect(
        "“http://a.example/x” http://b.example/。",
        &["Url http://a.example/x", "Url http://b.example/"],
    );
}

#[test]
fn hashes_and_mail() {
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    expect(
        &format!("MD5={md5},SHA256={sha256}"),
        &[&format!("Hash {md5}"), &format!("Hash {sha256}")],
    );
    expect(
        &format!("sha256-{sha256} {md5}.exe {md5}0 {sha256}{sha256}"),
        &[&format!("Hash {sha256}"), &format!("Hash {md5}"), &format!("Host {md5}.exe")],
    );
    expect(
        "from=<bob+x@evil.example>, to=a.b@corp.example: root@localhost user@192.0.2.7",
        &["Email bob+x@evil.example", "Email a.b@corp.example", "Address 192.0.2.7"],
    );
    expect(
        "mailto:bob@evil.example? x@y@z.example",
        &["Email bob@evil.example", "Email y@z.example"],
    );
}

#[test]
fn defanged_and_international() {
    expect(
        "hxxp://evil[.]example/x evil[.]example evil(dot)example 192[.]0[.]2[.]7 bob@evil[.]example",
        &[
            "Url hxxp://evil[.]example/x",
            "Host evil[.]example",
            "Host evil(dot)example",
            "Host 192[.]0[.]2[.]7",
            "Email bob@evil[.]example",
        ],
    );
    expect(
        "bücher.example пример.рф xn--e1afmkfd.xn--p1ai",
        &["Host bücher.example", "Host пример.рф", "Host xn--e1afmkfd.xn--p1ai"],
    );
    expect("悪いevil.exampleに接続", &["Host 悪いevil.exampleに接続", "Host evil.example"]);
    expect("http://bücher.example/ü", &["Url http://bücher.example/ü"]);
}

#[test]
fn texts_without_observables() {
    for line in [
        "",
        "02:30:25.123 1.5 12:34:56 3.14.15 v1.2.3 00:1a:2b:3c:4d:5e",
        "std::vec::Vec<u8> foo::bad :: a: b:c",
        "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36 300.1.2.3 1.2.3.4.5.6",
        "550e8400-e29b-41d4-a716-446655440000",
        "user@host ... --- [.] (dot) @ .@. a@",
        "file.c:12 a.b",
        "1:2:3:4:5:6:7:8:9:10",
    ] {
        expect(line, &[]);
    }
}

/// Lines that tempt a walk to visit bytes again and again. They take milliseconds. A walk that
/// starts over at each byte would take an hour.
#[test]
fn long_lines_are_walked_once() {
    let walked = |line: &[u8]| {
        let start = std::time::Instant::now();
        let mut bytes = 0;
        walk(line, &mut |_, value| bytes += value.len());
        // Each byte passed on is work for the matcher.
        assert!(bytes <= 12 * line.len() + 100, "{bytes} of {}", line.len());
        start.elapsed() < std::time::Duration::from_secs(60)
    };
    for unit in [
        "http://a.b/",
        "a.bc,",
        "1:",
        "a@",
        "a+",
        "::",
        "..",
        "a..b.",
        "[.]",
        "a[.]",
        "http://a)",
        ")))",
        "x://",
        "http:\\/\\/",
        "a.com/",
        "1.2.3.4-",
        "http://a,",
        "é.",
        "'http://",
        "a.a@a.aa+",
        "http://a.bc/,",
        "(",
        "http://[",
        "a:a:",
        "1.2.3.4/x:",
        "\\na.bc",
        "http://a&gt;",
        "http://a,&amp;",
        "http://a\\u0026",
        "&amp;",
        "(1)a",
        "(0)(9)a(0)",
        "a[.",
        "a.)",
        "a\\.",
        "a<.>",
        "a[at]",
        "http://a[.b",
        "%2a.bc",
    ] {
        assert!(walked(unit.repeat(2_000_000 / unit.len()).as_bytes()), "{unit}");
    }
    assert!(walked(format!("http://a.bc/{}", ")".repeat(2_000_000)).as_bytes()));
}

#[test]
fn full_ipv6_with_a_port() {
    expect(
        "h2 app/x/6 2a06:98c1:50:1:bcf4:5264:e01c:f215:50718 10.0.0.1:80",
        &["Address 2a06:98c1:50:1:bcf4:5264:e01c:f215", "Address 10.0.0.1"],
    );
    expect("::ffff:192.0.2.7:5555", &["Address ::ffff:192.0.2.7"]);
    expect("2001:db8::1:443", &["Address 2001:db8::1:443"]);
}

#[test]
fn unusually_defanged_values() {
    expect("evil[.example evil.]example evil[[.]]example", &["Host evil.example"; 3]);
    expect(
        "evil<.>example evil\\.example evil(.)example",
        &["Host evil.example", "Host evil.example", "Host evil(.)example"],
    );
    expect("192[.0.2[.]7, x", &["Address 192.0.2.7"]);
    expect("hxxp[:]//evil[.]example[/]x", &["Url hxxp://evil.example/x"]);
    expect("bob[at]evil[.]example", &["Email bob@evil.example"]);
    expect("C:\\.ssh\\x", &[]);
}

#[test]
fn urls_with_text_directly_before_them() {
    expect("url=3Dhttp://a.example/x", &["Url http://a.example/x"]);
    expect("{\\\"u\\\":\\\"x\\nhttp://a.example/x\\\"}", &["Url http://a.example/x"]);
    expect("\\u003chttps://a.example/x\\u003e b", &["Url https://a.example/x"]);
    expect("sftp://a.example/x", &["Url sftp://a.example/x"]);
    expect("x%3Devil.example", &["Host evil.example", "Host 3Devil.example"]);
    expect(
        "\u{ab}http://a.example/x\u{bb} \u{2039}http://b.example/\u{203a}",
        &["Url http://a.example/x", "Url http://b.example/"],
    );
}

#[test]
fn escapes_in_urls_are_undone() {
    expect("&lt;http://a.example/x&gt; b.example", &["Url http://a.example/x", "Host b.example"]);
    expect(
        "http://a.example/x?a=1&amp;b=2&quot;,c.example",
        &["Url http://a.example/x?a=1&b=2", "Host c.example"],
    );
    expect(
        "request=http://a.example/x?a\\=1 src=10.0.0.1",
        &["Url http://a.example/x?a=1", "Address 10.0.0.1"],
    );
    expect("\"http://a.example/?a=1\\u0026b=2\"", &["Url http://a.example/?a=1&b=2"]);
    expect("\"http:\\/\\/a.example\\/x\\u0026y\"", &["Url http://a.example/x&y"]);
    expect(
        "http://a.example/x?a=1&b=2;c",
        &["Url http://a.example/x?a=1&b=2;c", "Url http://a.example/x?a=1&b=2"],
    );
    expect(
        "http://a.example/&amp;amp;amp;",
        &["Url http://a.example/&amp;amp", "Url http://a.example/&amp"],
    );
}

#[test]
fn windows_dns_debug_log() {
    expect(
        "11/22/2026 2:30:25 AM 0E58 PACKET UDP Rcv 10.0.0.1 0002 Q [0001 D NOERROR] A (3)www(4)evil(7)example(0)",
        &["Address 10.0.0.1", "Host www.evil.example"],
    );
}

#[test]
fn words_that_are_mostly_files() {
    expect(
        "backup.zip a/b/setup.PY (evil.pl) x.z.sh.",
        &["Word backup.zip", "Word setup.PY", "Word evil.pl", "Word x.z.sh"],
    );
    expect(
        "backup.zip:443 backup[.]zip bob@evil.pl //evil.pl/x https://evil.pl evil.place",
        &[
            "Host backup.zip",
            "Host backup[.]zip",
            "Email bob@evil.pl",
            "Url evil.pl/x",
            "Url https://evil.pl",
            "Host evil.place",
        ],
    );
    expect("b\u{fc}cher.zip", &["Word b\u{fc}cher.zip"]);
}
