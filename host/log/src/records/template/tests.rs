use crate::{Fields, Format, Parser, Template, TemplateError};
use threatsieve_blacklist::indicator::Timestamp;

/// 2026-11-22T02:30:25Z.
const TIME: i64 = 1_795_314_625_000_000;

fn found(format: &str, line: &str) -> (Vec<String>, bool) {
    let template = Template::new(format).unwrap_or_else(|error| panic!("{format}: {error}"));
    let parser = Parser::new(Format::Custom, &Fields::default().with_template(template));
    let mut out = Vec::new();
    let malformed = parser.named_observables(line.as_bytes(), &mut |field, _, value| {
        out.push(format!("{field}={}", String::from_utf8_lossy(value)));
    });
    if let Some(time) = parser.time(line.as_bytes()) {
        assert_eq!(time, Timestamp(TIME), "{line}");
        out.push("time".to_owned());
    }
    (out, malformed.is_some())
}

#[track_caller]
fn expect(format: &str, line: &str, values: &[&str]) {
    let (got, is_malformed) = found(format, line);
    assert_eq!(
        (got.iter().map(String::as_str).collect::<Vec<_>>(), is_malformed),
        (values.to_vec(), false),
        "{line}"
    );
}

/// nginx.org/en/docs/http/ngx_http_log_module.html.
#[test]
fn formats_of_nginx() {
    expect(
        "log_format main escape=default '$remote_addr - $remote_user [$time_local] $host '\n  '\"$request\" $status $body_bytes_sent \"$http_referer\" '\n '\"$http_user_agent\" \"$http_x_forwarded_for\" rt=$request_time ua=\"$upstream_addr\"';",
        r#"203.0.113.5 - - [22/Nov/2026:02:30:25 +0000] www.evil.example "GET /a?b=\x22c HTTP/1.1" 200 5 "http://ref.example/" "x \x22y\x22 http://bot.example/" "203.0.113.9, 10.0.0.1" rt=0.005 ua="10.0.0.2:80, 10.0.0.3:80 : unix:/x""#,
        &[
            "source.ip=203.0.113.5",
            "url.domain=www.evil.example",
            "http.request.referrer=http://ref.example/",
            "user_agent.original=http://bot.example/",
            "network.forwarded_ip=203.0.113.9",
            "network.forwarded_ip=10.0.0.1",
            "nginx.upstream_addr=10.0.0.2:80",
            "nginx.upstream_addr=10.0.0.3:80",
            "nginx.upstream_addr=unix:/x",
            "url.original=http://www.evil.example/a?b=\"c",
            "time",
        ],
    );
    expect(
        "$time_iso8601|$remote_addr|$scheme://$host$request_uri|$http_x_forwarded_for $status",
        "2026-11-22T03:30:25+01:00|2001:db8::7|https://evil.example/a?b|203.0.113.9, 10.0.0.1 200",
        &[
            "source.ip=2001:db8::7",
            "url.domain=evil.example",
            "network.forwarded_ip=203.0.113.9",
            "network.forwarded_ip=10.0.0.1",
            "url.original=http://evil.example/a?b",
            "time",
        ],
    );
    // The path without its query, and with it.
    expect(
        "$msec $host $uri",
        "1795314625.000 evil.example /a",
        &["url.domain=evil.example", "url.path=http://evil.example/a?", "time"],
    );
    expect(
        "$msec $host $uri$is_args$args $status",
        "1795314625.000 evil.example /a?b=1 200",
        &["url.domain=evil.example", "url.path=http://evil.example/a?b=1", "time"],
    );
    expect(
        "$msec $host $uri$is_args$args $status",
        "1795314625.000 evil.example /a 200",
        &["url.domain=evil.example", "url.path=http://evil.example/a", "time"],
    );
    // The request's own host counts for its URL.
    expect(
        "$server_name $http_host \"$request\"",
        "srv.example evil.example \"GET /a HTTP/1.1\"",
        &[
            "url.domain=srv.example",
            "url.domain=evil.example",
            "url.original=http://evil.example/a",
        ],
    );
    expect(
        "$host \"$request\" ${ssl_server_name}",
        "h.example \"\\x16\\x03\\x01 evil.example\" sni.example",
        &[
            "url.domain=h.example",
            "http.request.line=evil.example",
            "tls.client.server_name=sni.example",
        ],
    );
    expect(
        r#"{"addr":"$remote_addr","agent":"$http_user_agent"}"#,
        r#"{"addr":"203.0.113.5","agent":"say \"http://bot.example/\" x"}"#,
        &["source.ip=203.0.113.5", "user_agent.original=http://bot.example/"],
    );
    // Fields that were appended are searched.
    expect(
        "$remote_addr \"$request\"",
        "203.0.113.5 \"GET / HTTP/1.1\" see evil.example",
        &["source.ip=203.0.113.5", "message=evil.example"],
    );
}

/// httpd.apache.org/docs/2.4/mod/mod_log_config.html.
#[test]
fn formats_of_apache() {
    expect(
        r#"LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined"#,
        r#"www.evil.example:8080 203.0.113.5 - bob [22/Nov/2026:02:30:25 +0000] "GET /a HTTP/1.1" 200 512 "-" "say \"http://bot.example/\" x""#,
        &[
            "url.domain=www.evil.example",
            "source.ip=203.0.113.5",
            "user_agent.original=http://bot.example/",
            "url.original=http://www.evil.example:8080/a",
            "time",
        ],
    );
    expect(
        "%{X-Forwarded-For}i %h %{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %m %V %U%q %{SSL_TLS_SNI}x",
        "203.0.113.9, 10.0.0.1 pc.corp.example 2026-11-22 02:30:25.123 +0000 GET evil.example /a?b=1 sni.example",
        &[
            "network.forwarded_ip=203.0.113.9",
            "network.forwarded_ip=10.0.0.1",
            "source.domain=pc.corp.example",
            "url.domain=evil.example",
            "tls.client.server_name=sni.example",
            "url.path=http://evil.example/a?b=1",
            "time",
        ],
    );
    expect(
        "%a %{usec}t 100%% %U %{Host}i",
        "203.0.113.5 1795314625000000 100% /a evil.example",
        &[
            "source.ip=203.0.113.5",
            "url.domain=evil.example",
            "url.path=http://evil.example/a?",
            "time",
        ],
    );
    expect(
        "%!200,304{Referer}i %<s %{c}a",
        "http://ref.example/ 200 203.0.113.5",
        &["http.request.referrer=http://ref.example/", "apache.c=203.0.113.5"],
    );
    expect(
        "%h \"%r\"",
        "203.0.113.5 \"CONNECT evil.example:443 HTTP/1.1\"",
        &["source.ip=203.0.113.5", "url.original=evil.example:443"],
    );
}

#[test]
fn lines_that_do_not_fit_are_text() {
    let format = "$remote_addr [$time_local] \"$request\" $status";
    for line in [
        "",
        "203.0.113.5",
        "203.0.113.5 [x] \"GET /",
        "203.0.113.5 [x] \"GET / HTTP/1.1\"200",
        "203.0.113.5 \"GET / HTTP/1.1\" 200",
    ] {
        let (values, is_malformed) = found(format, line);
        assert_eq!(is_malformed, !line.is_empty(), "{line}");
        assert!(values.iter().all(|value| value.starts_with("message=")), "{values:?}");
    }
    let (values, _) = found(format, "203.0.113.5 cut");
    assert_eq!(values, ["message=203.0.113.5"]);
}

#[test]
fn faults_of_format_strings() {
    for (format, error) in [
        ("", TemplateError::NoVariable),
        ("no variables", TemplateError::NoVariable),
        ("$a$b", TemplateError::Adjacent("$a".into(), "$b".into())),
        ("%h%u", TemplateError::Adjacent("%h".into(), "%u".into())),
        ("%h 100%", TemplateError::Directive("%".into())),
        ("%h %{Referer", TemplateError::Directive("%{Referer".into())),
        ("%h %7", TemplateError::Directive("%7".into())),
        ("$remote_addr $ x", TemplateError::Name(" x".into())),
    ] {
        assert_eq!(Template::new(format).unwrap_err(), error, "{format}");
    }
    assert_eq!(Template::new(&"$a ".repeat(300)).unwrap_err(), TemplateError::TooLong);
    assert_eq!(Template::new(&"$a ".repeat(30_000)).unwrap_err(), TemplateError::TooLong);
}
