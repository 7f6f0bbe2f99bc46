//! Lines of each format, written after the documentation of their vendors.

use serde_json::Value;
use threatsieve_blacklist::indicator::Timestamp;

use crate::{Fields, Format, MalformedLine, Parser, Template};

/// 2026-11-22T02:30:25Z.
const TIME: i64 = 1_795_314_625_000_000;

fn parser(format: Format, header: &[&str]) -> Parser {
    header.iter().fold(Parser::new(format, &Fields::default()), |parser, line| {
        parser.header_change(line.as_bytes()).unwrap_or(parser)
    })
}

fn found(parser: &Parser, line: &str) -> (Vec<String>, Option<MalformedLine>) {
    let mut out = Vec::new();
    let malformed = parser.named_observables(line.as_bytes(), &mut |field, _, value| {
        out.push(format!("{field}={}", String::from_utf8_lossy(value)));
    });
    (out, malformed)
}

#[track_caller]
fn expect(parser: &Parser, line: &str, values: &[&str], time: Option<i64>) {
    let (got, malformed) = found(parser, line);
    assert_eq!(
        (got.iter().map(String::as_str).collect::<Vec<_>>(), malformed),
        (values.to_vec(), None),
        "{line}"
    );
    assert_eq!(parser.time(line.as_bytes()), time.map(Timestamp), "{line}");
}

#[track_caller]
fn detected(format: Format, line: &str) {
    for line in [line.to_owned(), format!("\u{feff}{line}\r\n"), format!("{line}\n{line}")] {
        assert_eq!(Format::detect(line.as_bytes()), format, "{line}");
    }
}

/// docs.haproxy.org/3.0/configuration.html, section 8.2.
#[test]
fn haproxy() {
    let haproxy = parser(Format::Haproxy, &[]);
    let http = "203.0.113.5:33317 [22/Nov/2026:02:30:25.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {www.evil.example} {} \"GET /index.html HTTP/1.1\"";
    let values = ["source.ip=203.0.113.5", "message=www.evil.example"];
    expect(&haproxy, http, &values, Some(TIME + 655_000));
    detected(Format::Haproxy, http);
    let framed = format!("Nov 22 02:30:25 lb.corp.example haproxy[14389]: {http}");
    expect(
        &haproxy,
        &framed,
        &[values[0], values[1], "message=lb.corp.example"],
        Some(TIME + 655_000),
    );
    detected(Format::Haproxy, &framed);
    assert_eq!(
        Value::Object(haproxy.event(framed.as_bytes())),
        serde_json::json!({
            "@timestamp": "2026-11-22T02:30:25.655Z",
            "source": {"ip": "203.0.113.5", "port": 33317},
            "haproxy": {"frontend_name": "http-in", "backend_name": "static/srv1"},
            "http": {
                "version": "1.1",
                "request": {"method": "GET"},
                "response": {"status_code": 200, "body": {"bytes": 2750}}
            },
            "message": "- - ---- 1/1/1/1/0 0/0 {www.evil.example} {} ",
            "url": {"original": "/index.html"}
        })
    );
    // `log stdout format short` has only the priority.
    expect(&haproxy, &format!("<134>{http}"), &values, Some(TIME + 655_000));
    detected(Format::Haproxy, &format!("<134>{http}"));
    // HTTP/2 has the whole URL. `httpslog` adds the connection's fields.
    expect(
        &haproxy,
        "2001:db8::7:4444 [22/Nov/2026:02:30:25.000] fe~ be/<NOSRV> -1/-1/-1/-1/0 503 217 - - SC-- 0/0/0/0/0 0/0 \"GET https://evil.example/a?b=1 HTTP/2.0\" 0/0/0/0/0 sni.example/TLSv1.3/TLS_AES_256_GCM_SHA384",
        &[
            "source.ip=2001:db8::7",
            "url.original=https://evil.example/a?b=1",
            "message=sni.example/TLSv1.3/TLS_AES_256_GCM_SHA384",
        ],
        Some(TIME),
    );
    let tcp =
        "203.0.113.5:33312 [22/Nov/2026:02:30:25.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0";
    expect(&haproxy, tcp, &["source.ip=203.0.113.5"], Some(TIME + 443_000));
    detected(Format::Haproxy, tcp);
    expect(
        &haproxy,
        "203.0.113.5:34549 [22/Nov/2026:02:30:25.443] px-http/1: Connection error during SSL handshake",
        &["source.ip=203.0.113.5"],
        Some(TIME + 443_000),
    );
    for (line, expected) in [
        (&http[..http.len() - 8], "field 16 (request): expected a closing quote"),
        ("203.0.113.5:1 [yesterday] a b/c 0/0/0 1 --", "field 2 (accept date)"),
        ("203.0.113.5:1 [22/Nov/2026:02:30:25.443] a b 0/0/0 1 --", "field 4 (backend/server)"),
    ] {
        let malformed = found(&haproxy, line).1.unwrap().to_string();
        assert!(malformed.contains(expected), "{malformed}");
    }
}

/// docs.aws.amazon.com/elasticloadbalancing: the access logs of each kind of load balancer.
#[test]
fn alb() {
    let alb = parser(Format::Alb, &[]);
    let https = r#"https 2026-11-22T02:30:25.186641Z app/my-loadbalancer/50dc6c495c0c9188 203.0.113.5:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.evil.example:443/a?b=1 HTTP/1.1" "curl/7.46.0 (+http://bot.example/x)" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "sni.example" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2026-11-22T02:30:25.000000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456"#;
    expect(
        &alb,
        https,
        &[
            "source.ip=203.0.113.5",
            "destination.ip=10.0.0.1",
            "url.original=https://www.evil.example:443/a?b=1",
            "user_agent.original=http://bot.example/x",
            "tls.client.server_name=sni.example",
            "message=10.0.0.1",
        ],
        Some(TIME + 186_641),
    );
    detected(Format::Alb, https);
    let event = alb.event(https.as_bytes());
    assert_eq!(event["destination"], serde_json::json!({"ip": "10.0.0.1", "port": 80}));
    // The port is always there, so a short IPv6 address is whole.
    let classic = r#"2026-11-22T02:30:25.186641Z my-loadbalancer 2001:db8::7:2817 - -1 -1 -1 503 0 0 0 "GET http://www.evil.example:80/ HTTP/1.1" "-" - -"#;
    let values = ["source.ip=2001:db8::7", "url.original=http://www.evil.example:80/"];
    expect(&alb, classic, &values, Some(TIME + 186_641));
    detected(Format::Alb, classic);
    let network = r#"tls 2.0 2026-11-22T02:30:25 net/my-network-loadbalancer/c6e77e28c25b2234 g3d4b5e8bb8464cd 203.0.113.5:51341 172.16.100.185:443 5 2 98 246 - arn:aws:acm:us-east-2:671290407336:certificate/2a108f19 - ECDHE-RSA-AES128-SHA tlsv12 - www.evil.example - - - 2026-11-22T02:30:20"#;
    let values = [
        "source.ip=203.0.113.5",
        "destination.ip=172.16.100.185",
        "tls.client.server_name=www.evil.example",
    ];
    expect(&alb, network, &values, Some(TIME));
    detected(Format::Alb, network);
    // A request that could not be read has no URL.
    let broken =
        https.replace("GET https://www.evil.example:443/a?b=1 HTTP/1.1", "- http://h.example:80- ");
    assert!(found(&alb, &broken).1.is_none());
    for (line, expected) in [
        (&https[..https.find("7.46").unwrap()], "expected a closing quote"),
        (
            &https[..https.find(" \"GET").unwrap()],
            "alb line ends early: expected 14 fields, got 12",
        ),
        ("https yesterday app/x 1.2.3.4:5", "field 2 (time)"),
    ] {
        let malformed = found(&alb, line).1.unwrap().to_string();
        assert!(malformed.contains(expected), "{malformed}");
    }
}

/// docs.aws.amazon.com/vpc: flow log records.
#[test]
fn vpc_flow() {
    let flow = parser(Format::VpcFlow, &[]);
    let line = "2 123456789010 eni-1235b8ca123456789 203.0.113.5 172.31.16.21 20641 22 6 20 4249 1795314625 1795314685 ACCEPT OK";
    let values = ["source.ip=203.0.113.5", "destination.ip=172.31.16.21"];
    expect(&flow, line, &values, Some(TIME));
    assert_eq!(flow.destination_port(line.as_bytes()), Some(22));
    detected(Format::VpcFlow, line);
    let nothing =
        "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1795314625 1795314685 - NODATA";
    expect(&flow, nothing, &[], Some(TIME));
    let header = "version account-id action interface-id pkt-srcaddr pkt-dstaddr end instance-id";
    let own = parser(Format::VpcFlow, &[header]);
    let line = "5 123456789010 REJECT eni-1 2001:db8::7 203.0.113.5 1795314685 i-01234567890123456";
    let values = ["vpc_flow.pkt_srcaddr=2001:db8::7", "vpc_flow.pkt_dstaddr=203.0.113.5"];
    expect(&own, line, &values, Some(TIME + 60_000_000));
    expect(&own, header, &[], None);
    detected(Format::VpcFlow, &format!("{header}\n{line}"));
    let malformed = found(&own, &line[..40]).1.unwrap().to_string();
    assert_eq!(malformed, "vpc-flow line: expected the 8 columns of its header, got 5");
    for other in ["action end", "a status line of status", "end of file interface-id 12345"] {
        assert_eq!(Format::detect(other.as_bytes()), Format::Text, "{other}");
    }
}

/// learn.microsoft.com, "W3C logging"; docs.aws.amazon.com/AmazonCloudFront, "Standard logs".
#[test]
fn w3c() {
    let header = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status cs-host";
    let iis =
        parser(Format::W3c, &["#Software: Microsoft Internet Information Services 10.0", header]);
    let line = "2026-11-22 02:30:25 10.0.0.5 GET /a.aspx id=7 80 - 203.0.113.5 Mozilla/5.0+(Windows) http://ref.example/ 200 www.evil.example";
    expect(
        &iis,
        line,
        &[
            "destination.ip=10.0.0.5",
            "source.ip=203.0.113.5",
            "http.request.referrer=http://ref.example/",
            "url.domain=www.evil.example",
            "url.path=http://www.evil.example/a.aspx?id=7",
        ],
        Some(TIME),
    );
    assert_eq!(iis.destination_port(line.as_bytes()), Some(80));
    detected(Format::W3c, &format!("#Version: 1.0\n{header}\n{line}"));
    // A query that is not logged is not an empty one.
    let no_query = parser(Format::W3c, &["#Fields: date time c-ip cs-host cs-uri-stem"]);
    let line = "2026-11-22 02:30:25 203.0.113.5 www.evil.example /a";
    let values = [
        "source.ip=203.0.113.5",
        "url.domain=www.evil.example",
        "url.path=http://www.evil.example/a?",
    ];
    expect(&no_query, line, &values, Some(TIME));
    // The header comes again with other columns, and with a date for lines that have only a time.
    let next = no_query.header_change(b"#Fields: time c-ip").unwrap();
    let next = next.header_change(b"#Date: 2026-11-22 00:00:00").unwrap();
    expect(&next, "02:30:25 203.0.113.6", &["source.ip=203.0.113.6"], Some(TIME));
    assert!(next.header_change(b"#Date: 2026-11-22 00:10:00").is_none());
    // CloudFront: tabs, and the viewer's host in a column of its own.
    let cloudfront = parser(
        Format::W3c,
        &[
            "#Fields: date time x-edge-location c-ip cs-method cs(Host) cs-uri-stem cs-uri-query x-host-header cs-protocol",
        ],
    );
    let line = "2026-11-22\t02:30:25\tLHR62\t203.0.113.5\tGET\td1.cloudfront.net\t/a\t-\twww.evil.example\thttps";
    expect(
        &cloudfront,
        line,
        &[
            "source.ip=203.0.113.5",
            "url.domain=d1.cloudfront.net",
            "url.domain=www.evil.example",
            "url.path=http://www.evil.example/a",
        ],
        Some(TIME),
    );
    // Exchange: commas.
    let exchange = parser(
        Format::W3c,
        &["#Fields: date-time,client-ip,sender-address,recipient-address,message-subject"],
    );
    let line = r#"2026-11-22T02:30:25.000Z,203.0.113.5,bad@evil.example,bob@corp.example,"a, b""#;
    let values = [
        "client.ip=203.0.113.5",
        "email.from.address=bad@evil.example",
        "email.to.address=bob@corp.example",
    ];
    expect(&exchange, line, &values, Some(TIME));
    // A byte order mark in the middle: files were joined.
    let joined = exchange.header_change("\u{feff}#Fields: date time c-ip".as_bytes()).unwrap();
    let line = "2026-11-22 02:30:25 203.0.113.5";
    expect(&joined, line, &["source.ip=203.0.113.5"], Some(TIME));
    // A tunnel has no path. Values with blanks may be quoted.
    let proxy = parser(
        Format::W3c,
        &[
            "#Fields: date time c-ip cs-method cs-host cs-uri-port cs-uri-path cs-uri-query cs(User-Agent)",
        ],
    );
    let line = "2026-11-22 02:30:25 10.0.0.1 CONNECT www.evil.example 443 / - \"Mozilla 5\"";
    expect(&proxy, line, &["source.ip=10.0.0.1", "url.domain=www.evil.example"], Some(TIME));
    let malformed = found(&proxy, "2026-11-22 02:30:25 203.0.113.5").1.unwrap().to_string();
    assert_eq!(malformed, "w3c line: expected the 9 columns of its header, got 3");
    let malformed = found(&parser(Format::W3c, &[]), "x").1.unwrap().to_string();
    assert_eq!(malformed, "w3c line: expected a line with the names of its fields before it");
}

/// bind9.readthedocs.io, "logging" and "querylog".
#[test]
fn bind() {
    let bind = parser(Format::Bind, &[]);
    let values = [
        "source.ip=203.0.113.5",
        "dns.question.name=www.evil.example",
        "destination.ip=192.0.2.53",
    ];
    let query = "client @0x7f1c2c0a5c68 203.0.113.5#53124 (www.evil.example): query: www.evil.example IN A +E(0)K (192.0.2.53)";
    for (front, time) in [
        ("22-Nov-2026 02:30:25.123 queries: info: ", Some(TIME + 123_000)),
        ("22-Nov-2026 02:30:25.123 ", Some(TIME + 123_000)),
        ("2026-11-22T02:30:25.123Z queries: info: ", Some(TIME + 123_000)),
        ("queries: info: ", None),
        ("", None),
    ] {
        let line = format!("{front}{query}");
        expect(&bind, &line, &values, time);
        detected(Format::Bind, &line);
    }
    let framed = format!("Nov 22 02:30:25 ns.corp.example named[7]: queries: info: {query}");
    expect(&bind, &framed, &[&values[..], &["message=ns.corp.example"]].concat(), None);
    let view = "22-Nov-2026 02:30:25.123 client 2001:db8::7#5: view internal: query: evil.example IN AAAA +";
    expect(
        &bind,
        view,
        &["source.ip=2001:db8::7", "dns.question.name=evil.example"],
        Some(TIME + 123_000),
    );
    let policy = "22-Nov-2026 02:30:25.123 rpz: info: client @0x7 203.0.113.5#5 (evil.example): rpz QNAME NXDOMAIN rewrite evil.example/A/IN via evil.example.rpz.local";
    assert_eq!(
        found(&bind, policy).0[..2],
        ["source.ip=203.0.113.5", "dns.question.name=evil.example"]
    );
    for line in ["the client 1.2.3.4#5 said query: x IN A", "client 1.2.3.4", "client #: query: a"]
    {
        assert!(found(&bind, line).1.is_some(), "{line}");
    }
}

/// unbound.docs.nlnetlabs.nl, unbound.conf: `log-queries`, `log-replies`, `log-local-actions`.
#[test]
fn unbound() {
    let unbound = parser(Format::Unbound, &[]);
    let values = ["source.ip=203.0.113.5", "dns.question.name=www.evil.example."];
    let query = "203.0.113.5 www.evil.example. A IN";
    for (line, time) in [
        (format!("[1795314625] unbound[123:0] info: {query}"), Some(TIME)),
        (format!("[1795314625] unbound[123:0] query: {query}"), Some(TIME)),
        (format!("[1795314625] unbound[123:0] reply: {query} NOERROR 0.000123 0 61"), Some(TIME)),
        (format!("2026-11-22T02:30:25.000+00:00 unbound[123:0] info: {query}"), Some(TIME)),
        (format!("Nov 22 02:30:25 unbound[123:0] info: {query}"), None),
        (format!("Nov 22 02:30:25 gw unbound: [123:0] info: {query}"), None),
    ] {
        expect(&unbound, &line, &values, time);
        detected(Format::Unbound, &line);
    }
    expect(
        &unbound,
        "[1795314625] unbound[1:0] info: evil.example. redirect 203.0.113.5@5353 www.evil.example. A IN",
        &["message=evil.example", "source.ip=203.0.113.5", "dns.question.name=www.evil.example."],
        Some(TIME),
    );
    expect(&unbound, "[1795314625] unbound[1:0] notice: init module 0: validator", &[], Some(TIME));
    assert!(found(&unbound, query).1.is_some());
}

/// dnsmasq(8), `--log-queries`; docs.pi-hole.net.
#[test]
fn dnsmasq() {
    let dnsmasq = parser(Format::Dnsmasq, &[]);
    for (message, values) in [
        (
            "query[A] www.evil.example from 203.0.113.5",
            &["dns.question.name=www.evil.example", "source.ip=203.0.113.5"][..],
        ),
        (
            "forwarded www.evil.example to 9.9.9.9#53",
            &["dns.question.name=www.evil.example", "destination.ip=9.9.9.9"],
        ),
        (
            "reply www.evil.example is 203.0.113.7",
            &["dns.question.name=www.evil.example", "dns.answers.data=203.0.113.7"],
        ),
        (
            "gravity blocked www.evil.example is 0.0.0.0",
            &["dns.question.name=www.evil.example", "dns.answers.data=0.0.0.0"],
        ),
        (
            "/etc/hosts pc.corp.example is 2001:db8::7",
            &["dns.question.name=pc.corp.example", "dns.answers.data=2001:db8::7"],
        ),
        (
            "7 203.0.113.5/51234 query[A] evil.example from 203.0.113.5",
            &["dns.question.name=evil.example", "source.ip=203.0.113.5"],
        ),
        (
            "7 203.0.113.5/51234 cached evil.example is 2001:db8::7",
            &[
                "source.ip=203.0.113.5",
                "dns.question.name=evil.example",
                "dns.answers.data=2001:db8::7",
            ],
        ),
        ("started, version 2.90 cachesize 10000", &[]),
    ] {
        for front in
            ["Nov 22 02:30:25 dnsmasq[123]: ", "Nov 22 02:30:25 gw dnsmasq[123]: ", "dnsmasq: "]
        {
            let line = format!("{front}{message}");
            expect(&dnsmasq, &line, values, None);
            detected(Format::Dnsmasq, &line);
        }
        let framed = format!("<30>1 2026-11-22T02:30:25Z gw dnsmasq 123 - - {message}");
        expect(&dnsmasq, &framed, values, Some(TIME));
    }
    assert!(found(&dnsmasq, "query[A] a.example from 203.0.113.5").1.is_some());
}

/// docs.netgate.com/pfsense, "Raw Filter Log Format".
#[test]
fn filterlog() {
    let filterlog = parser(Format::Filterlog, &[]);
    let v4 = "5,,,1000000103,igb1.20,match,block,in,4,0x0,,64,0,0,DF,6,tcp,60,203.0.113.5,192.0.2.7,51234,443,0,S,123,,64240,,mss;sackOK";
    let v6 = "7,,,1000000105,igb0,match,pass,out,6,0x00,0x00000,64,udp,17,40,2001:db8::7,2001:db8::8,5353,53,32";
    for (message, values) in [
        (v4, ["source.ip=203.0.113.5", "destination.ip=192.0.2.7"]),
        (v6, ["source.ip=2001:db8::7", "destination.ip=2001:db8::8"]),
    ] {
        for (front, time) in [
            ("", None),
            ("Nov 22 02:30:25 filterlog[72237]: ", None),
            ("Nov 22 02:30:25 fw filterlog: ", None),
            ("<134>1 2026-11-22T02:30:25.000000+00:00 fw filterlog 72237 - - ", Some(TIME)),
        ] {
            let line = format!("{front}{message}");
            expect(&filterlog, &line, &values, time);
            detected(Format::Filterlog, &line);
        }
    }
    let framed = format!("Nov 22 02:30:25 fw filterlog: {v4}");
    assert!(!filterlog.event(framed.as_bytes()).contains_key("@timestamp"));
    // RFC 3164's time has no year.
    let filterlog = filterlog.before(Timestamp(TIME));
    assert_eq!(filterlog.time(framed.as_bytes()), Some(Timestamp(TIME)));
    assert_eq!(filterlog.event(framed.as_bytes())["@timestamp"], "2026-11-22T02:30:25Z");
    assert_eq!(filterlog.destination_port(v4.as_bytes()), Some(443));
    assert_eq!(filterlog.destination_port(v6.as_bytes()), Some(53));
    for line in [&v4[..90], "1,2,3", "5,,,1,a,b,c,in,4", "1,2,3,4,5,6,7,8,9"] {
        assert!(found(&filterlog, line).1.is_some(), "{line}");
    }
}

/// docs.fortinet.com, "FortiOS Log Message Reference".
#[test]
fn fortinet() {
    let fortinet = parser(Format::Fortinet, &[]);
    let traffic = r#"date=2026-11-22 time=02:30:25 logid="0000000013" type="traffic" subtype="forward" level="notice" vd="vdom1" eventtime=1795314625123456789 srcip=203.0.113.5 srcport=58012 dstip=192.0.2.7 dstport=80 transip=198.51.100.1 action="close" service="HTTP" devname="fw1" tz="+0000""#;
    let values =
        ["source.ip=203.0.113.5", "destination.ip=192.0.2.7", "source.nat.ip=198.51.100.1"];
    expect(&fortinet, traffic, &values, Some(TIME + 123_457));
    assert_eq!(fortinet.destination_port(traffic.as_bytes()), Some(80));
    for front in ["", "<189>", "Nov 22 02:30:25 fw "] {
        detected(Format::Fortinet, &format!("{front}{traffic}"));
    }
    let web = r#"<189>date=2026-11-22 time=03:30:25 devname="fw1" logid="0316013056" type="utm" subtype="webfilter" tz="+0100" srcip=10.1.1.1 dstip=203.0.113.5 dstport=443 hostname="www.evil.example" url="/a?b=\"c" msg="URL belongs to http://cat.example/x" qname="q.example""#;
    expect(
        &fortinet,
        web,
        &[
            "source.ip=10.1.1.1",
            "destination.ip=203.0.113.5",
            "url.domain=www.evil.example",
            "message=http://cat.example/x",
            "dns.question.name=q.example",
            "url.original=https://www.evil.example:443/a?b=\"c",
        ],
        Some(TIME),
    );
    for line in [
        "date=2026-11-22 time=02:30:25 type=x srcip=1.2.3.4",
        "srcip=1.2.3.4 logid=7",
        "see logid=7 type=x",
    ] {
        assert!(found(&fortinet, line).1.is_some(), "{line}");
        assert_eq!(Format::detect(line.as_bytes()), Format::Text);
    }
    // A quote that is not closed extends to the end, and its text is searched.
    let cut = &web[..web.find("/x\"").unwrap() + 2];
    assert!(found(&fortinet, cut).0.contains(&"message=http://cat.example/x".to_owned()));
}

/// docs.paloaltonetworks.com, "Syslog Field Descriptions".
#[test]
fn palo_alto() {
    let panos = parser(Format::PaloAlto, &[]);
    let front = "1,2026/11/22 02:30:26,012345678901";
    let session = "2026/11/22 02:30:25,10.1.1.1,203.0.113.5,198.51.100.1,203.0.113.6,rule 1,corp\\bob,,web-browsing,vsys1,trust,untrust,ethernet1/1,ethernet1/2,fwd,2026/11/22 02:30:25,12345,1,51234,443,1024,443,0x400000,tcp,allow";
    let traffic = format!(
        "{front},TRAFFIC,end,2305,{session},5120,2048,3072,20,2026/11/22 02:30:00,15,any,0,1,0x0,A,B,0,10,10,tcp-fin"
    );
    let values = [
        "source.ip=10.1.1.1",
        "destination.ip=203.0.113.5",
        "source.nat.ip=198.51.100.1",
        "destination.nat.ip=203.0.113.6",
    ];
    expect(&panos, &traffic, &values, Some(TIME));
    assert_eq!(panos.destination_port(traffic.as_bytes()), Some(443));
    for front in ["", "<14>Nov 22 02:30:26 fw ", "Nov 22 02:30:26 fw.corp.example "] {
        detected(Format::PaloAlto, &format!("{front}{traffic}"));
    }
    let threat = format!(
        "{front},THREAT,url,2305,{session},\"www.evil.example/a,b\",(9999),gambling,informational,client-to-server,1,0x0,A,B,0,text/html,0,,,1,\"Mozilla \"\"5\"\"\",,\"203.0.113.9, 10.0.0.1\",http://ref.example/,,,,0"
    );
    assert_eq!(
        found(&panos, &threat).0[4..],
        [
            "url.original=www.evil.example/a,b",
            "network.forwarded_ip=203.0.113.9",
            "network.forwarded_ip=10.0.0.1",
            "http.request.referrer=http://ref.example/"
        ]
    );
    let system = format!(
        "{front},SYSTEM,general,0,2026/11/22 02:30:25,,general,,0,0,general,informational,\"User admin logged in from 203.0.113.5\",1,0x0"
    );
    expect(&panos, &system, &["message=203.0.113.5"], Some(TIME));
    for line in [traffic[..150].to_owned(), format!("{front},OTHER,x"), "1,a,b,TRAFFIC".to_owned()]
    {
        assert!(found(&panos, &line).1.is_some(), "{line}");
    }
}

#[test]
fn json_of_journald_cloudflare_and_nginx() {
    let ndjson = parser(Format::Ndjson, &[]);
    let journal = r#"{"__REALTIME_TIMESTAMP":"1795314626000000","_SOURCE_REALTIME_TIMESTAMP":"1795314625000000","_HOSTNAME":"gw","MESSAGE":"from 203.0.113.5"}"#;
    expect(&ndjson, journal, &["MESSAGE=203.0.113.5"], Some(TIME));
    let bytes: Vec<String> = b"\x1b[0m from 203.0.113.5".iter().map(u8::to_string).collect();
    let binary =
        format!(r#"{{"__REALTIME_TIMESTAMP":"1795314625000000","MESSAGE":[{}]}}"#, bytes.join(","));
    expect(&ndjson, &binary, &["MESSAGE=203.0.113.5"], Some(TIME));
    for time in ["\"2026-11-22T02:30:25Z\"", "1795314625", "1795314625000000000"] {
        let line = format!(
            r#"{{"ClientIP":"203.0.113.5","ClientRequestHost":"www.evil.example","ClientRequestURI":"/a?b=1","ClientRequestMethod":"GET","EdgeStartTimestamp":{time}}}"#
        );
        let values = [
            "ClientIP=203.0.113.5",
            "ClientRequestHost=www.evil.example",
            "ClientRequestURI=http://www.evil.example/a?b=1",
        ];
        expect(&ndjson, &line, &values, Some(TIME));
    }
    let event = r#"{"ClientRequestHost":"evil.example","ClientRequestPath":"/a","ClientRequestQuery":"?b=1","Datetime":"2026-11-22T02:30:25Z"}"#;
    expect(
        &ndjson,
        event,
        &["ClientRequestHost=evil.example", "ClientRequestPath=http://evil.example/a?b=1"],
        Some(TIME),
    );
    let nginx = r#"{"time_local":"22/Nov/2026:02:30:25 +0000","remote_addr":"203.0.113.5","request":"GET /a HTTP/1.1","host":"evil.example"}"#;
    expect(
        &ndjson,
        nginx,
        &["remote_addr=203.0.113.5", "host=evil.example", "request=http://evil.example/a"],
        Some(TIME),
    );
    let proxy = r#"{"request":"CONNECT evil.example:443 HTTP/1.1"}"#;
    expect(&ndjson, proxy, &["request=evil.example:443"], None);
}

#[test]
fn a_custom_line_without_a_format_string_is_text() {
    let custom = parser(Format::Custom, &[]);
    let (values, malformed) = found(&custom, "from 203.0.113.5");
    assert_eq!(values, ["message=203.0.113.5"]);
    assert!(malformed.is_some());
    let with = Fields::default().with_template(Template::new("$remote_addr").unwrap());
    expect(&Parser::new(Format::Custom, &with), "203.0.113.5", &["source.ip=203.0.113.5"], None);
}

#[test]
fn hostile_lines_return() {
    let headers = [
        "#Fields: date time c-ip cs-uri-stem cs-host",
        "#Fields: date-time,a,b",
        "srcaddr dstaddr start end",
    ];
    for format in Format::ALL {
        for header in headers {
            let parser = parser(format, &[header]);
            for line in [
                "\"",
                "\"\"\"\"",
                ",",
                ",,,,,,,,,,",
                "=",
                "a=\"",
                "\\",
                "\\\"",
                "[",
                "client ",
                "client @",
                "client @ #",
                "dnsmasq[",
                "dnsmasq: ",
                "dnsmasq[]: is is is",
                "dnsmasq: 1 / ",
                "unbound info: ",
                "unbound[:] info: @ @ @ IN",
                "1,2026/11/22,",
                "1,2026/11/22 ,,",
                "0,,,,,,,in,4",
                "<",
                "<1",
                "<189>",
                "<189>logid= date= time= type=",
                ": [22/Nov/2026:02:30:25.000] a b/c 0/0/0/0/0 1 1 \"",
                "http 2026-11-22T02:30 \"",
                "\u{0}\u{0}",
                "é [22/Nov/2026",
                "#",
                "#Fields:",
                "#Date:",
                "#Date: é",
            ] {
                let _ = found(&parser, line);
                let _ = (parser.event(line.as_bytes()), parser.time(line.as_bytes()));
                let _ = parser.header_change(line.as_bytes());
                let _ = Format::detect(line.as_bytes());
            }
        }
    }
}
