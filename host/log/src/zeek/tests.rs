use super::*;
use crate::fields::Fields;

const HEAD: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n";

fn found_in(fields: &Fields, log: &str) -> Vec<String> {
    let mut header = Header::new(fields);
    let mut out = Vec::new();
    for line in log.lines().map(str::as_bytes) {
        if let Some(changed) = header.changed_by(line) {
            header = changed;
        }
        walk(&header, line, &mut |field, kind, value| {
            out.push(format!("{field} {kind:?} {}", String::from_utf8_lossy(value)));
        })
        .unwrap();
    }
    out
}

fn found(log: &str) -> Vec<String> {
    found_in(&Fields::default(), log)
}

#[test]
fn dns() {
    let log = format!(
        "{HEAD}#path\tdns\n\
         #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tanswers\n\
         #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tvector[string]\n\
         1795314625.802123\tC1\t10.1.2.3\t5353\t2001:db8::53\t53\tudp\twww.evil.example\t\
         cdn.evil.example,192.0.2.7,TXT 3 a\\x2cc.example\n\
         1795314626.0\tC2\t10.1.2.3\t5353\t8.8.8.8\t53\tudp\t-\t(empty)\n\
         #close\t2026-11-22-03-00-00"
    );
    assert_eq!(
        found(&log),
        [
            "source.ip Address 10.1.2.3",
            "destination.ip Address 2001:db8::53",
            "dns.question.name Host www.evil.example",
            "dns.answers.data Any cdn.evil.example",
            "dns.answers.data Any 192.0.2.7",
            "dns.answers.data Host c.example",
            "source.ip Address 10.1.2.3",
            "destination.ip Address 8.8.8.8",
        ]
    );
}

#[test]
fn http_joins_host_and_path() {
    let log = "#fields\tts\tid.orig_h\tid.resp_h\tid.resp_p\tmethod\thost\turi\treferrer\tproxied\n\
               1.0\t10.1.2.3\t192.0.2.7\t80\tGET\twww.evil.example\t/a\\x09b?c\t\
               http://r.example/\t-\n\
               1.0\t10.1.2.3\t192.0.2.7\t8080\tGET\twww.evil.example\t/\t-\t\
               X-FORWARDED-FOR -> 198.51.100.1\n\
               1.0\t10.1.2.3\t192.0.2.7\t3128\tGET\tb.example\thttp://b.example/x\t-\t-\n\
               1.0\t10.1.2.3\t192.0.2.7\t3128\tCONNECT\tb.example\tb.example:443\t-\t-";
    let urls: Vec<_> =
        found(log).into_iter().filter(|found| found.starts_with("url.original")).collect();
    assert_eq!(
        urls,
        [
            "url.original Url http://www.evil.example/a\tb?c",
            "url.original Url http://www.evil.example:8080/",
            "url.original Url http://b.example/x",
            "url.original Url b.example:443",
        ]
    );
    assert!(found(log).contains(&"http.request.referrer Url http://r.example/".to_owned()));
}

#[test]
fn proxies_and_socks() {
    let log = "#fields\tts\tid.orig_h\tproxied\trequest.host\trequest.name\tbound.host\n\
               #types\ttime\taddr\tset[string]\taddr\tstring\taddr\n\
               1.0\t10.1.2.3\tX-FORWARDED-FOR -> 198.51.100.1,198.51.100.2:80\t\
               192.0.2.7\tevil.example\t-";
    assert_eq!(
        found(log),
        [
            "source.ip Address 10.1.2.3",
            "proxied Address 198.51.100.1",
            "proxied Host 198.51.100.2:80",
            "request.host Address 192.0.2.7",
            "request.name Host evil.example",
        ]
    );
}

#[test]
fn ssl_conn_files_and_smtp_with_headers_that_change() {
    let log = "#fields\tts\tid.orig_h\tid.resp_h\tserver_name\tcert_chain_fps\n\
               #types\ttime\taddr\taddr\tstring\tvector[string]\n\
               1.0\t10.1.2.3\t192.0.2.7\tc2.evil.example\taa,bb\n\
               #fields\tts\tfuid\ttx_hosts\trx_hosts\tmd5\tsha1\tsha256\n\
               #types\ttime\tstring\tset[addr]\tset[addr]\tstring\tstring\tstring\n\
               1.0\tF1\t192.0.2.7,192.0.2.8\t10.1.2.3\td41d8cd98f00b204e9800998ecf8427e\t-\t-\n\
               #separator ;\n\
               #fields;ts;mailfrom;rcptto;from;odd\n\
               #types;time;string;set[string];string;addr\n\
               1.0;bob@evil.example;a@b.example,c@d.example;\"B\" <bob@evil.example>;203.0.113.1";
    assert_eq!(
        found(log),
        [
            "source.ip Address 10.1.2.3",
            "destination.ip Address 192.0.2.7",
            "tls.client.server_name Host c2.evil.example",
            "cert_chain_fps Hash aa",
            "cert_chain_fps Hash bb",
            "server.ip Address 192.0.2.7",
            "server.ip Address 192.0.2.8",
            "client.ip Address 10.1.2.3",
            "file.hash.md5 Hash d41d8cd98f00b204e9800998ecf8427e",
            "email.from.address Email bob@evil.example",
            "email.to.address Email a@b.example",
            "email.to.address Email c@d.example",
            "email.sender.address Email bob@evil.example",
            "odd Address 203.0.113.1",
        ]
    );
    let chosen = found_in(&Fields::named(["odd"]), log);
    assert_eq!(chosen, ["odd Any 203.0.113.1"]);
}

#[test]
fn errors_of_malformed_lines_name_the_expected_form() {
    let header = Header::new(&Fields::default());
    let error = |header: &Header, line: &str| {
        walk(header, line.as_bytes(), &mut |_, _, _| panic!("unexpected value from {line}"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(&header, "1.0\tx"),
        "zeek line: expected a line with the names of its fields before it"
    );
    let header = header.changed_by(b"#fields\tts\tquery\thost").unwrap();
    assert_eq!(error(&header, "1.0\tx"), "zeek line: expected the 3 columns of its header, got 2");
    assert!(header.changed_by(b"#close\t2026-11-22").is_none());
    assert!(header.changed_by(b"1.0\tx\ty").is_none());
    assert!(header.changed_by(b"#set_separator").is_none());
}

#[test]
fn the_event_in_ecs() {
    let mut header = Header::new(&Fields::default());
    for line in [
        "#fields\tts\tuid\tid.orig_h\tid.orig_p\tduration\tquery\tanswers\tAA\tTTLs\trejected\textra",
        "#types\ttime\tstring\taddr\tport\tinterval\tstring\tvector[string]\tbool\tvector[interval]\tbool\tstring",
    ] {
        header = header.changed_by(line.as_bytes()).unwrap();
    }
    let line = b"1795314625.802\tC1\t10.1.2.3\t5353\t0.5\ta\\x09b\tx,y\tT\t(empty)\t-\t(empty)";
    assert_eq!(
        Value::Object(event(&header, line).unwrap()),
        serde_json::json!({
            "@timestamp": "2026-11-22T02:30:25.802Z",
            "event": {"id": "C1", "duration": 500_000_000},
            "source": {"ip": "10.1.2.3", "port": 5353},
            "dns": {"question": {"name": "a\tb"}, "answers": {"data": ["x", "y"]}},
            "zeek": {"AA": true, "TTLs": [], "extra": ""}
        })
    );
    assert_eq!(time(&header, line), Some(Timestamp(1_795_314_625_802_000)));
    assert_eq!(event(&header, b"#close"), None);
}
