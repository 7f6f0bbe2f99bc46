use super::*;
use crate::fields::Fields;

fn found_in(fields: &Fields, line: &str) -> Vec<String> {
    let mut out = Vec::new();
    walk(&Names::new(fields), line.as_bytes(), &mut |field, kind, value| {
        out.push(format!("{field} {kind:?} {}", String::from_utf8_lossy(value)));
    })
    .unwrap();
    out
}

fn found(line: &str) -> Vec<String> {
    found_in(&Fields::default(), line)
}

#[test]
fn suricata_dns() {
    let v2 = r#"{"timestamp":"2026-11-22T02:30:25.123456+0000","flow_id":1,"event_type":"dns","src_ip":"10.1.2.3","src_port":5353,"dest_ip":"8.8.8.8","dest_port":53,"proto":"UDP","dns":{"version":2,"type":"answer","id":1,"rrname":"www.evil.example","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"www.evil.example","rrtype":"CNAME","ttl":5,"rdata":"cdn.evil.example"},{"rrname":"cdn.evil.example","rrtype":"A","ttl":5,"rdata":"192.0.2.7"}],"grouped":{"CNAME":["cdn.evil.example"],"A":["192.0.2.7","192.0.2.8"]}}}"#;
    assert_eq!(
        found(v2),
        [
            "src_ip Address 10.1.2.3",
            "dest_ip Address 8.8.8.8",
            "dns.rrname Host www.evil.example",
            "dns.answers.rrname Host www.evil.example",
            "dns.answers.rdata Any cdn.evil.example",
            "dns.answers.rrname Host cdn.evil.example",
            "dns.answers.rdata Any 192.0.2.7",
            "dns.grouped.CNAME Host cdn.evil.example",
            "dns.grouped.A Address 192.0.2.7",
            "dns.grouped.A Address 192.0.2.8",
        ]
    );
    assert_eq!(time(v2.as_bytes()), Some(Timestamp(1_795_314_625_123_456)));
    let v3 = r#"{"event_type":"dns","dns":{"version":3,"queries":[{"rrname":"a.example","rrtype":"A"}]}}"#;
    assert_eq!(found(v3), ["dns.queries.rrname Host a.example"]);
}

#[test]
fn suricata_http_tls_files_alert_and_flow() {
    let http = r#"{"timestamp":"2026-11-22T02:30:25.1+0000","event_type":"http","src_ip":"10.1.2.3","dest_ip":"192.0.2.7","http":{"hostname":"www.evil.example","http_port":8080,"url":"/mal.exe?x=1","http_user_agent":"curl/7.88.1","http_refer":"http://ref.example/","http_method":"GET","status":200,"length":5}}"#;
    assert_eq!(
        found(http)[2..],
        [
            "http.hostname Host www.evil.example",
            "http.http_refer Url http://ref.example/",
            "http.url Url http://www.evil.example:8080/mal.exe?x=1",
        ]
    );
    let proxied =
        r#"{"http":{"hostname":"a.example","url":"http://a.example/x","http_method":"GET"}}"#;
    assert_eq!(found(proxied), ["http.hostname Host a.example", "http.url Url http://a.example/x"]);
    let tunnel =
        r#"{"http":{"hostname":"a.example","url":"a.example:443","http_method":"CONNECT"}}"#;
    assert_eq!(found(tunnel)[1], "http.url Url a.example:443");
    let tls = r#"{"event_type":"tls","tls":{"subject":"CN=*.evil.example","issuerdn":"C=US","fingerprint":"4a:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18","sni":"c2.evil.example","version":"TLS 1.2","subjectaltname":["evil.example"]}}"#;
    assert_eq!(
        found(tls),
        [
            "tls.subject Host evil.example",
            "tls.fingerprint Hash 4aa3667682cb6b23bbc3584723a463a778a4a118",
            "tls.sni Host c2.evil.example",
            "tls.subjectaltname Host evil.example",
        ]
    );
    let file = r#"{"event_type":"fileinfo","fileinfo":{"filename":"/mal.exe","md5":"d41d8cd98f00b204e9800998ecf8427e","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","stored":false,"size":0}}"#;
    assert_eq!(found(file).len(), 3, "two digests and a name");
    let alert = r#"{"event_type":"alert","src_ip":"2001:db8::1","dest_ip":"::1","alert":{"action":"allowed","signature":"ET MALWARE www.not-read.example","category":"x","severity":1},"app_proto":"failed","flow":{"pkts_toserver":1,"start":"2026-11-22T02:30:25.0+0000"}}"#;
    assert_eq!(found(alert), ["src_ip Address 2001:db8::1", "dest_ip Address ::1"]);
    let smtp = r#"{"smtp":{"helo":"mx.evil.example","mail_from":"<bob@evil.example>","rcpt_to":["<a@corp.example>","<b@corp.example>"]},"email":{"from":"\"Bob, B\" <bob@evil.example>","to":["A <a@corp.example>"],"url":["evil.example/x"]}}"#;
    assert_eq!(
        found(smtp),
        [
            "smtp.helo Host mx.evil.example",
            "smtp.mail_from Email bob@evil.example",
            "smtp.rcpt_to Email a@corp.example",
            "smtp.rcpt_to Email b@corp.example",
            "email.from Email bob@evil.example",
            "email.to Email a@corp.example",
            "email.url Url evil.example/x",
        ]
    );
}

#[test]
fn ecs_nested_and_dotted() {
    let nested = r#"{"@timestamp":"2026-11-22T02:30:25.802Z","source":{"ip":"10.1.2.3","port":1},"destination":{"ip":["192.0.2.7","192.0.2.8"],"domain":"x.example"},"url":{"original":"http://a.example/x","domain":"a.example","path":"/x"},"tls":{"client":{"server_name":"s.example"}},"email":{"from":{"address":["a@b.example"]}},"host":{"name":"own.example","ip":["10.9.9.9"]},"threat":{"indicator":{"ip":"203.0.113.1"}}}"#;
    assert_eq!(
        found(nested),
        [
            "source.ip Address 10.1.2.3",
            "destination.ip Address 192.0.2.7",
            "destination.ip Address 192.0.2.8",
            "destination.domain Host x.example",
            "url.original Url http://a.example/x",
            "url.domain Host a.example",
            "tls.client.server_name Host s.example",
            "email.from.address Email a@b.example",
        ]
    );
    let dotted = r#"{"source.ip":"10.1.2.3","destination":{"nat.ip":"192.0.2.9"},"dns.question.name":"q.example","dns":{"answers":[{"data":"192.0.2.7","name":"n.example"}]},"file.hash.sha256":"ab"}"#;
    assert_eq!(
        found(dotted),
        [
            "source.ip Address 10.1.2.3",
            "destination.nat.ip Address 192.0.2.9",
            "dns.question.name Host q.example",
            "dns.answers.data Any 192.0.2.7",
            "dns.answers.name Host n.example",
            "file.hash.sha256 Hash ab",
        ]
    );
    let apart =
        r#"{"url":{"domain":"a.example","path":"/x","query":"y=1","port":443,"scheme":"https"}}"#;
    assert_eq!(
        found(apart),
        ["url.domain Host a.example", "url.path Url https://a.example:443/x?y=1"]
    );
    let relative = r#"{"url":{"original":"/x?y","domain":"a.example"}}"#;
    assert_eq!(
        found(relative),
        ["url.domain Host a.example", "url.original Url http://a.example/x?y"]
    );
    assert_eq!(found(r#"{"url":{"original":"/x"}}"#), [""; 0]);
}

#[test]
fn zeek_json() {
    let line = r#"{"ts":1795314625.802123,"uid":"C1","id.orig_h":"10.1.2.3","id.orig_p":1,"id.resp_h":"192.0.2.7","id.resp_p":8080,"method":"GET","host":"a.example","uri":"/x","referrer":"http://r.example/"}"#;
    assert_eq!(
        found(line),
        [
            "id.orig_h Address 10.1.2.3",
            "id.resp_h Address 192.0.2.7",
            "host Host a.example",
            "referrer Url http://r.example/",
            "uri Url http://a.example:8080/x",
        ]
    );
    assert_eq!(time(line.as_bytes()), Some(Timestamp(1_795_314_625_802_123)));
}

#[test]
fn filebeat_and_cloudtrail() {
    let filebeat = r#"{"@timestamp":"2026-11-22T02:30:25.802Z","log":{"file":{"path":"/var/log/x.log"}},"message":"GET http:\/\/a.example/x from 10.1.2.3","agent":{"hostname":"h.example"}}"#;
    assert_eq!(found(filebeat), ["message Url http://a.example/x", "message Address 10.1.2.3"]);
    let trail = r#"{"Records":[{"eventTime":"2026-11-22T02:30:25Z","sourceIPAddress":"192.0.2.7"},{"sourceIPAddress":"s3.amazonaws.com"}]}"#;
    assert_eq!(
        found(trail),
        ["Records.sourceIPAddress Host 192.0.2.7", "Records.sourceIPAddress Host s3.amazonaws.com"]
    );
    assert_eq!(time(trail.as_bytes()), Some(Timestamp(1_795_314_625_000_000)));
    let array = r#"[{"host":"a.example","uri":"/1"},{"host":"b.example","uri":"/2"}]"#;
    assert_eq!(
        found(array),
        [
            "host Host a.example",
            "uri Url http://a.example/1",
            "host Host b.example",
            "uri Url http://b.example/2"
        ]
    );
    assert_eq!(event(array.as_bytes()).unwrap()["records"][1]["host"], "b.example");
}

#[test]
fn forwarded_addresses_ports_and_lists() {
    for (line, values) in [
        (r#"{"xff":"192.0.2.7"}"#, &["xff Address 192.0.2.7"][..]),
        (
            r#"{"http":{"xff":"192.0.2.7:80, 10.3.3.3"}}"#,
            &["http.xff Host 192.0.2.7:80", "http.xff Address 10.3.3.3"],
        ),
        (r#"{"client_ip":"192.0.2.7:5555"}"#, &["client_ip Host 192.0.2.7:5555"]),
        (r#"{"source":{"address":"192.0.2.7:5555"}}"#, &["source.address Host 192.0.2.7:5555"]),
        (r#"{"source.ip":"[2001:db8::1]:443"}"#, &["source.ip Host [2001:db8::1]:443"]),
        (
            r#"{"proxied":["X-FORWARDED-FOR -> 192.0.2.7, 10.0.0.1","VIA -> 1.1 p"]}"#,
            &["proxied Address 192.0.2.7", "proxied Address 10.0.0.1", "proxied Address 1.1"],
        ),
        (r#"{"src":"192.0.2.7, a.example"}"#, &["src Address 192.0.2.7", "src Host a.example"]),
        (
            r#"{"tunnel":{"src_ip":"192.0.2.7","dest_port":4789}}"#,
            &["tunnel.src_ip Address 192.0.2.7"],
        ),
        (
            r#"{"dns":{"authorities":[{"rrname":"a.example","rdata":"ns.a.example"}]}}"#,
            &["dns.authorities.rrname Host a.example", "dns.authorities.rdata Any ns.a.example"],
        ),
        (
            r#"{"http":{"request_headers":[{"name":"X-Real-IP","value":"192.0.2.7"}]}}"#,
            &["http.request_headers.value Address 192.0.2.7"],
        ),
    ] {
        assert_eq!(found(line), values, "{line}");
    }
}

#[test]
fn events_within_exported_documents() {
    let exported = r#"{"_index":"a","_source":{"@timestamp":"2026-11-22T02:30:25Z","source":{"ip":"192.0.2.7"}}}"#;
    assert_eq!(found(exported), ["source.ip Address 192.0.2.7"]);
    assert_eq!(time(exported.as_bytes()), Some(Timestamp(1_795_314_625_000_000)));
    let answer = r#"{"hits":{"hits":[{"_source":{"host":"a.example","uri":"/1"}},{"_source":{"host":"b.example","uri":"/2"}}]}}"#;
    assert_eq!(
        found(answer),
        [
            "host Host a.example",
            "uri Url http://a.example/1",
            "host Host b.example",
            "uri Url http://b.example/2"
        ]
    );
    let module = r#"{"suricata":{"eve":{"src_ip":"192.0.2.7"}},"json":{"dest_ip":"192.0.2.8"}}"#;
    assert_eq!(found(module), ["src_ip Address 192.0.2.7", "dest_ip Address 192.0.2.8"]);
}

#[test]
fn chosen_fields_replace_the_usual_ones() {
    let fields = Fields::named(["a.b", "src_ip", "c"]);
    let line = r#"{"a":{"b":["x","y"]},"a.b":"z","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","c":"ff","d":1}"#;
    assert_eq!(
        found_in(&fields, line),
        ["a.b Any x", "a.b Any y", "a.b Any z", "src_ip Address 10.0.0.1", "c Any ff"]
    );
}

#[test]
fn escapes_are_decoded_and_odd_bytes_survive() {
    assert_eq!(
        found(r#"{"query":"b\u00fccher\u002eexample","host":"a\/b"}"#),
        ["query Host bücher.example", "host Host a/b"]
    );
    assert_eq!(
        found(r#"{"query":"x\ud800.example","uri\\":"\\ud800","md5":"\ud83d\ude00"}"#),
        ["query Host x\u{fffd}.example", "md5 Hash 😀"]
    );
    let mut out = Vec::new();
    let line = b"{\"query\":\"a\xff.example\",\"n\":-1.5e3}";
    walk(&Names::new(&Fields::default()), line, &mut |_, _, value| out.push(value.to_vec()))
        .unwrap();
    assert_eq!(out, ["a\u{fffd}.example".as_bytes()]);
    assert!(event(line).is_some());
}

#[test]
fn a_damaged_line_passes_on_nothing() {
    let error = |line: &str| {
        walk(&Names::new(&Fields::default()), line.as_bytes(), &mut |_, _, _| {
            panic!("unexpected value from {line}")
        })
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        error(r#"{"src_ip":"10.0.0.1","dest"#),
        "ndjson line, byte 26: expected more: the object ends early"
    );
    assert_eq!(error("plain text"), "ndjson line, byte 1: expected a JSON object");
    assert_eq!(error(r#"{"src_ip":"10.0.0.1"} x"#), "ndjson line, byte 23: expected valid JSON");
    assert_eq!(error(r#"["x"]"#), "ndjson line, byte 4: expected a JSON object");
    let deep = format!(r#"{{"src_ip":{}}}"#, "[".repeat(5000));
    assert!(error(&deep).contains("expected valid JSON"), "{}", error(&deep));
    let skipped =
        format!(r#"{{"x":{}{},"src_ip":"10.0.0.1"}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(found(&skipped), ["src_ip Address 10.0.0.1"]);
    assert_eq!(found("  "), [""; 0]);
}
