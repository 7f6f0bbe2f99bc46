//! The reduction, case by case. Each result is written `value value | reason reason`; a domain's
//! mode is shown unless it is the default.

use threatsieve_blacklist::{DomainMode, Timestamp, Value};
use threatsieve_feed::pattern::{Grammar, MAX_NODES, MAX_PATTERN_BYTES, Pattern};
use threatsieve_feed::reduce::{Reduction, reduce};

const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn reduction(text: &str) -> Reduction {
    let pattern =
        Pattern::parse(text, Grammar::V21).unwrap_or_else(|error| panic!("{error}: {text:.200}"));
    reduce(&pattern)
}

fn shown(text: &str) -> String {
    let Reduction { values, unreduced } = reduction(text);
    let mut words: Vec<String> = Vec::new();
    for reduced in values {
        words.push(match &reduced.value {
            Value::Domain(name, DomainMode::Exact) => format!("={name}"),
            Value::Url { key, .. } => key.to_string(),
            value => value.to_string(),
        });
    }
    if !unreduced.is_empty() {
        words.push("|".to_owned());
    }
    words.extend(unreduced.iter().map(|part| part.reason.kind().to_owned()));
    words.join(" ")
}

fn hold(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        let text = text.replace("MD5V", MD5).replace("SHAV", SHA256);
        let want = want.replace("MD5V", MD5).replace("SHAV", SHA256);
        assert_eq!(shown(&format!("[{text}]")), want, "{text}");
    }
}

#[test]
fn paths_give_the_documented_values() {
    hold(&[
        ("domain-name:value = 'Evil.COM.'", "evil.com"),
        ("domain-name:value = 'evil[.]com'", "evil.com"),
        ("hostname:value = 'Evil.COM.'", "evil.com"),
        ("x-opencti-hostname:value IN ('evil.com', 'evil.org')", "evil.com evil.org"),
        ("hostname:value LIKE '%.evil.com'", "*.evil.com"),
        ("hostname:value = 'evil.com' AND hostname:type = 'hostname'", "evil.com"),
        ("hostname:value = 'evil.com' AND hostname:type = 'domain-name'", "| contradiction"),
        ("ipv4-addr:value = '192.0.2.1'", "192.0.2.1"),
        ("ipv4-addr:value = '192.0.2.1/24'", "192.0.2.0/24"),
        ("ipv6-addr:value = '2001:DB8::1'", "2001:db8::1"),
        ("ipv6-addr:value = '::ffff:192.0.2.1'", "192.0.2.1"),
        ("network-traffic:dst_ref.value = '192.0.2.1'", "192.0.2.1"),
        ("network-traffic:src_ref.value = '2001:db8::1'", "2001:db8::1"),
        ("network-traffic:dst_ref.'value' = 'evil.com'", "evil.com"),
        ("url:value = 'hxxps://evil.com:443/a?b=c'", "evil.com/a?b=c"),
        ("file:hashes.MD5 = 'MD5V'", "MD5V"),
        ("file:hashes.'MD5' = 'MD5V'", "MD5V"),
        ("file:hashes.md5 = 'MD5V'", "MD5V"),
        ("file:hashes.'SHA-256' = 'SHAV'", "SHAV"),
        ("file:hashes.SHA256 = 'SHAV'", "SHAV"),
        ("file:hashes.'sha-256' = 'SHAV'", "SHAV"),
        ("artifact:hashes.'SHA-256' = 'SHAV'", "SHAV"),
        ("x509-certificate:hashes.'SHA-256' = 'SHAV'", "SHAV"),
        ("file:content_ref.hashes.'SHA-256' = 'SHAV'", "SHAV"),
        ("email-addr:value = 'Bob@Evil.com'", "Bob@evil.com"),
        ("email-message:from_ref.value = 'a@b.com'", "a@b.com"),
        ("email-message:sender_ref.value = 'a@b.com'", "a@b.com"),
        ("email-message:to_refs[*].value = 'a@b.com'", "a@b.com"),
        ("email-message:bcc_refs[*].value = 'a@b.com'", "a@b.com"),
    ]);
}

#[test]
fn other_paths_give_none() {
    hold(&[
        ("domain-name:resolves_to_refs[*].value = '192.0.2.1'", "| relation"),
        ("email-message:to_refs[0].value = 'a@b.com'", "| relation"),
        ("email-message:body_multipart[*].body_raw_ref.hashes.MD5 = 'MD5V'", "| relation"),
        ("file:extensions.'archive-ext'.contains_refs[*].hashes.MD5 = 'MD5V'", "| relation"),
        ("process:image_ref.hashes.MD5 = 'MD5V'", "| relation"),
        ("file:name = 'evil.com'", "| no_observable"),
        ("file:hashes[*] = 'MD5V'", "| no_observable"),
        ("file:hashes.'SHA-512' = 'MD5V'", "| no_observable"),
        ("windows-registry-key:key = 'evil.com'", "| no_observable"),
        ("mutex:name = 'evil.com'", "| no_observable"),
        ("network-traffic:dst_port = 443", "| no_observable"),
        ("domain-name:value[0] = 'evil.com'", "| no_observable"),
        ("x-domain-name:value = 'evil.com'", "| no_observable"),
        ("network-traffic:dst_ref.type = 'ipv4-addr'", "| no_observable"),
    ]);
}

#[test]
fn operators() {
    hold(&[
        ("domain-name:value NOT != 'a.com'", "a.com"),
        ("domain-name:value != 'a.com'", "| negation"),
        ("domain-name:value NOT = 'a.com'", "| negation"),
        ("domain-name:value NOT IN ('a.com')", "| negation"),
        ("domain-name:value NOT LIKE '%.a.com'", "| negation"),
        ("domain-name:value IN ('a.com', 'b.com', 'a.com')", "a.com b.com"),
        ("domain-name:value IN ('a.com', 'no value', 5)", "a.com | unfit unfit"),
        ("domain-name:value IN ()", "| contradiction"),
        ("domain-name:value LIKE '%.a.com'", "*.a.com"),
        ("network-traffic:dst_ref.value LIKE '%.a.com'", "*.a.com"),
        ("domain-name:value LIKE '%a.com'", "| wildcard"),
        ("domain-name:value LIKE '%.a_b.com'", "| wildcard"),
        ("domain-name:value LIKE '%.%.com'", "| wildcard"),
        ("domain-name:value LIKE 'a.com'", "| wildcard"),
        ("url:value LIKE '%.a.com'", "| wildcard"),
        ("email-addr:value LIKE '%@a.com'", "| wildcard"),
        ("domain-name:value MATCHES '^a.com$'", "| expression"),
        ("ipv4-addr:value ISSUBSET '198.51.100.0/24'", "198.51.100.0/24"),
        (
            "network-traffic:dst_ref.value ISSUBSET '2001:0db8:dead:beef:0000:0000:0000:0000/64'",
            "2001:db8:dead:beef::/64",
        ),
        ("domain-name:value ISSUBSET '198.51.100.0/24'", "| unfit"),
        ("ipv4-addr:value ISSUPERSET '198.51.100.0/24'", "| superset"),
        ("ipv4-addr:value > '198.51.100.0'", "| ordering"),
        ("EXISTS domain-name:value", "| existence"),
        ("NOT EXISTS domain-name:value", "| negation"),
    ]);
}

#[test]
fn unfit_values_are_reported() {
    hold(&[
        ("domain-name:value = '192.0.2.1'", "| unfit"),
        ("domain-name:value = 'http://evil.com/'", "| unfit"),
        ("domain-name:value = '*.evil.com'", "| unfit"),
        ("domain-name:value = ''", "| unfit"),
        ("ipv4-addr:value = '2001:db8::1'", "| unfit"),
        ("ipv6-addr:value = '192.0.2.1'", "| unfit"),
        ("ipv4-addr:value = '192.0.2.1-192.0.2.9'", "| unfit"),
        ("ipv4-addr:value = '192.0.2.1:443'", "| unfit"),
        ("ipv4-addr:value = '192.0.2.1/33'", "| unfit"),
        ("network-traffic:dst_ref.value = '00:00:5e:00:53:01'", "| unfit"),
        ("file:hashes.MD5 = 'SHAV'", "| unfit"),
        ("file:hashes.'SHA-1' = 'MD5V'", "| unfit"),
        ("email-addr:value = 'nobody'", "| unfit"),
        ("domain-name:value = 5", "| unfit"),
    ]);
}

#[test]
fn comparisons_that_add_nothing_are_dropped() {
    hold(&[
        (
            "network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1/32'",
            "192.0.2.1",
        ),
        (
            "network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'a.com'",
            "a.com",
        ),
        (
            "network-traffic:dst_ref.type IN ('ipv4-addr', 'ipv6-addr') AND network-traffic:dst_ref.value = '::1'",
            "::1",
        ),
        (
            "network-traffic:dst_ref.type != 'ipv6-addr' AND network-traffic:dst_ref.value = '192.0.2.1'",
            "192.0.2.1",
        ),
        (
            "network-traffic:dst_ref.type = 'ipv4-addr' AND (network-traffic:dst_ref.value = '192.0.2.1' OR network-traffic:dst_ref.value IN ('192.0.2.2', 'a.com'))",
            "192.0.2.1 192.0.2.2",
        ),
        (
            "email-message:to_refs[*].type = 'email-addr' AND email-message:to_refs[*].value = 'a@b.com'",
            "a@b.com",
        ),
        ("file:type = 'file' AND file:hashes.MD5 = 'MD5V'", "MD5V"),
        ("domain-name:value = 'a.com' AND domain-name:value = 'a.com'", "a.com"),
        ("domain-name:value = 'a.com' AND domain-name:value = 'A.com.'", "a.com"),
        ("EXISTS domain-name:value AND domain-name:value = 'a.com'", "a.com"),
        ("EXISTS network-traffic:dst_ref AND network-traffic:dst_ref.value = 'a.com'", "a.com"),
        ("ipv4-addr:value = '192.0.2.1' AND ipv4-addr:value ISSUBSET '192.0.2.0/24'", "192.0.2.1"),
        (
            "ipv4-addr:value ISSUBSET '192.0.2.0/24' AND ipv4-addr:value ISSUBSET '192.0.2.0/28'",
            "192.0.2.0/28",
        ),
        ("domain-name:value LIKE '%.a.com' AND domain-name:value = 'x.a.com'", "x.a.com"),
        ("domain-name:value = 'a.com' AND domain-name:value != 'b.com'", "a.com"),
        ("domain-name:value = 'a.com' AND domain-name:value != 'www.a.com'", "=a.com"),
        ("domain-name:value = 'a.com' AND domain-name:value NOT LIKE '%.a.com'", "=a.com"),
        (
            "domain-name:value IN ('a.com', 'b.com') AND domain-name:value NOT IN ('b.com', 'c.com')",
            "a.com",
        ),
        (
            "(domain-name:value = 'a.com' OR domain-name:value = 'b.com') AND (domain-name:value = 'a.com' OR domain-name:value = 'b.com')",
            "a.com b.com",
        ),
    ]);
}

#[test]
fn a_further_condition_makes_a_conjunction() {
    hold(&[
        (
            "network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443",
            "| conjunction",
        ),
        (
            "network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1'",
            "| conjunction",
        ),
        (
            "network-traffic:src_ref.value = '192.0.2.1' AND network-traffic:dst_ref.value = '192.0.2.1'",
            "| conjunction",
        ),
        ("domain-name:value = 'a.com' AND ipv4-addr:value = '192.0.2.1'", "a.com AND 192.0.2.1"),
        (
            "domain-name:value = 'a.com' AND domain-name:resolves_to_refs[*].value = '192.0.2.1'",
            "| conjunction",
        ),
        ("file:hashes.MD5 = 'MD5V' AND file:hashes.'SHA-256' = 'SHAV'", "MD5V AND SHAV"),
        ("file:hashes.MD5 = 'MD5V' AND file:name = 'a.exe'", "MD5V AND file name a.exe"),
        (
            "url:value = 'http://a.com/x' AND file:name IN ('a', 'b')",
            "http://a.com/x AND file name a http://a.com/x AND file name b",
        ),
        ("domain-name:value LIKE '%.a.com' AND ipv4-addr:value = '192.0.2.1'", "| conjunction"),
        (
            "domain-name:value = 'a.com' AND ipv4-addr:value ISSUBSET '192.0.2.0/24' AND ipv4-addr:value = '192.0.2.1'",
            "a.com AND 192.0.2.1",
        ),
        (
            "domain-name:value = 'a.com' AND ipv4-addr:value = '192.0.2.1' AND ipv4-addr:value = '192.0.2.2'",
            "| contradiction",
        ),
        ("domain-name:value = 'a.com' AND file:name = 'a' AND file:name = 'b'", "| contradiction"),
        ("domain-name:value = 'a.com' AND file:name != 'a'", "| conjunction"),
        ("domain-name:value = 'a.com' AND file:size = 3", "| conjunction"),
        (
            "email-message:to_refs[*].value = 'a@b.com' AND email-message:to_refs[*].value = 'c@b.com'",
            "a@b.com AND c@b.com",
        ),
        (
            "email-message:to_refs[*].value = 'a@b.com' AND email-message:to_refs[*].value != 'a@b.com'",
            "| conjunction",
        ),
        (
            "email-message:to_refs[*].value = 'a@b.com' AND email-message:to_refs[*].type != 'email-addr'",
            "| conjunction",
        ),
        ("domain-name:value LIKE '%.a.com' AND domain-name:value != 'x.a.com'", "| conjunction"),
        (
            "ipv4-addr:value ISSUBSET '192.0.2.0/24' AND ipv4-addr:value != '192.0.2.1'",
            "| conjunction",
        ),
        (
            "domain-name:value = 'a.com' AND NOT EXISTS domain-name:resolves_to_refs",
            "| conjunction",
        ),
        (
            "domain-name:value = 'a.com' AND (file:name = 'x' OR domain-name:value = 'a.com')",
            "a.com AND file name x a.com",
        ),
        ("url:value = 'http://a.com/' AND url:value = 'https://a.com/'", "| conjunction"),
    ]);
}

#[test]
fn without_any_value_the_common_reason_is_reported() {
    hold(&[
        ("file:name = 'a' AND file:size = 3", "| no_observable"),
        ("domain-name:value != 'a.com' AND domain-name:value != 'b.com'", "| negation"),
        (
            "network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value MATCHES 'a'",
            "| expression",
        ),
        (
            "network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = 'no value'",
            "| unfit",
        ),
        ("file:name = 'a' AND domain-name:value MATCHES 'a'", "| conjunction"),
    ]);
}

#[test]
fn contradictions_give_nothing() {
    hold(&[
        ("domain-name:value = 'a.com' AND domain-name:value = 'b.com'", "| contradiction"),
        ("domain-name:value = 'a.com' AND domain-name:value = 'www.a.com'", "| contradiction"),
        ("domain-name:value = 'a.com' AND domain-name:value != 'a.com'", "| contradiction"),
        (
            "network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_ref.value = '192.0.2.2'",
            "| contradiction",
        ),
        (
            "network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '192.0.2.1'",
            "| contradiction",
        ),
        (
            "ipv4-addr:value = '198.51.100.1' AND ipv4-addr:value ISSUBSET '192.0.2.0/24'",
            "| contradiction",
        ),
        (
            "(domain-name:value = 'a.com' AND domain-name:value = 'b.com') OR domain-name:value = 'c.com'",
            "c.com | contradiction",
        ),
    ]);
}

#[test]
fn branches_are_reduced_independently() {
    hold(&[
        (
            "domain-name:value = 'a.com' OR domain-name:value != 'b.com' OR file:name = 'x'",
            "a.com | negation no_observable",
        ),
        (
            "(domain-name:value = 'a.com' AND file:name = 'x') OR ipv4-addr:value = '192.0.2.1'",
            "a.com AND file name x 192.0.2.1",
        ),
    ]);
    for (text, want) in [
        ("[domain-name:value = 'a.com'] OR [domain-name:value = 'b.com']", "a.com b.com"),
        (
            "[domain-name:value = 'a.com'] AND [domain-name:value = 'a.com']",
            "| several_observations",
        ),
        ("[domain-name:value = 'a.com'] FOLLOWEDBY [domain-name:value = 'a.com']", "| sequence"),
        (
            "[domain-name:value = 'a.com'] OR [domain-name:value = 'b.com'] AND [domain-name:value = 'c.com']",
            "a.com | several_observations",
        ),
        ("[domain-name:value = 'a.com'] REPEATS 1 TIMES", "a.com"),
        ("[domain-name:value = 'a.com'] REPEATS 2 TIMES", "| repetition"),
        (
            "([domain-name:value = 'a.com'] OR [domain-name:value = 'b.com']) WITHIN 5 SECONDS",
            "a.com b.com",
        ),
        (
            "([domain-name:value = 'a.com'] OR ([domain-name:value = 'b.com'] AND [domain-name:value = 'c.com'])) WITHIN 5 SECONDS",
            "a.com | several_observations",
        ),
        ("[domain-name:value = 'a.com'] REPEATS 5 TIMES WITHIN 1800 SECONDS", "| repetition"),
    ] {
        assert_eq!(shown(text), want, "{text}");
    }
}

#[test]
fn start_and_stop_become_the_validity() {
    let windows = |text: &str| -> Vec<_> {
        reduction(text).values.iter().map(|reduced| (reduced.start, reduced.stop)).collect()
    };
    let at = |seconds: i64| Some(Timestamp(seconds * 1_000_000));
    let a = "[domain-name:value = 'a.com']";
    assert_eq!(windows(a), [(None, None)]);
    let one = format!("{a} START t'1970-01-01T00:00:10Z' STOP t'1970-01-01T00:01:00Z'");
    assert_eq!(windows(&one), [(at(10), at(60))]);
    let nested =
        format!("({one} OR {a}) START t'1970-01-01T00:00:00.5Z' STOP t'1970-01-01T00:00:30Z'");
    assert_eq!(windows(&nested), [(at(10), at(30)), (Some(Timestamp(500_000)), at(30))]);
    let empty = format!("({one}) START t'1970-01-01T00:01:00Z' STOP t'1970-01-01T00:02:00Z'");
    assert_eq!(shown(&empty), "| contradiction");
    assert!(windows(&empty).is_empty());
}

#[test]
fn parts_are_reported_with_their_text() {
    let text =
        "[domain-name:value IN ('a.com', 'no value') OR (file:name = 'x' AND file:size = 1)]";
    let parts = reduction(text).unreduced;
    assert_eq!(parts[0].text, "domain-name:value IN ('no value')");
    assert_eq!((parts[0].at, parts[0].reason.to_string().contains("no value")), (1, true));
    assert_eq!(parts[1].text, "(file:name = 'x' AND file:size = 1)");
    assert_eq!(parts[1].at, text.rfind('(').unwrap());
    assert!(!reduction(text).values.is_empty() && !reduction(text).unreduced.is_empty());
}

/// An `AND` of many `OR`s would expand to more atoms than any memory holds. It is rejected quickly.
#[test]
fn multiplying_out_is_limited() {
    let set: Vec<String> = (0..20).map(|n| format!("'a{n}.com'")).collect();
    let test = format!("domain-name:value IN ({})", set.join(","));
    assert_eq!(shown(&format!("[{}]", vec![test; 40].join(" AND "))), "| too_complex");
    let many: Vec<String> = (0..3000).map(|n| format!("'10.0.{}.{}'", n / 250, n % 250)).collect();
    let text = format!(
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value IN ({})]",
        many.join(",")
    );
    assert_eq!(reduction(&text).values.len(), 3000);
    assert!(reduction(&text).unreduced.is_empty());
}

/// Fills a pattern up to the longest length with numbered repetitions of a part.
fn longest(start: &str, separator: &str, end: &str, part: impl Fn(usize) -> String) -> String {
    let mut text = start.to_owned();
    let (mut nodes, most) = (0, MAX_PATTERN_BYTES - end.len());
    for number in 0.. {
        let more = part(number);
        nodes += 2;
        if text.len() + separator.len() + more.len() > most || nodes > MAX_NODES / 2 {
            break;
        }
        if number > 0 {
            text.push_str(separator);
        }
        text.push_str(&more);
    }
    text + end
}

#[test]
fn many_values_are_taken_from_one_pattern() {
    let names: Vec<String> =
        (0..2500).map(|n| format!("domain-name:value = 'evil{n}.com'")).collect();
    let reduction = reduction(&format!("[{}]", names.join(" OR ")));
    assert!(reduction.unreduced.is_empty());
    assert_eq!(reduction.values.len(), 2500);
}

/// The worst cases for the reduction. They take a few seconds. If any cost grew with the square of
/// the length, they would take minutes or exhaust the memory.
#[test]
fn the_longest_patterns_are_reduced_quickly() {
    let quoted = |n: usize| format!("'{n} '");
    let path = format!("domain-name:a{}", ".c".repeat(150_000));
    let ors =
        |part: fn(usize) -> String, end: &str| longest("[(", " OR ", &format!(") {end}]"), part);
    let types = longest(
        "[(network-traffic:dst_ref.type IN (",
        ",",
        ")) AND network-traffic:dst_ref.value IN (",
        |n| format!("'{n}'"),
    );
    let types = types[..400_000].rsplit_once(',').unwrap().0.to_owned()
        + ",'ipv4-addr')) AND network-traffic:dst_ref.value IN (";
    for (name, text) in [
        ("values", longest("[", " OR ", "]", |n| format!("domain-name:value = 'evil{n}.com'"))),
        (
            "observations",
            longest("", " OR ", "", |n| format!("[domain-name:value = 'evil{n}.com']")),
        ),
        ("unfit set", longest("[domain-name:value IN (", ",", ")]", quoted)),
        (
            "unfit set in AND",
            longest("[EXISTS domain-name:value AND domain-name:value IN (", ",", ")]", quoted),
        ),
        (
            "unfit alternatives in AND",
            ors(|n| format!("domain-name:value = '{n} '"), "AND EXISTS domain-name:value"),
        ),
        (
            "long path",
            longest(&format!("[domain-name:value = 'x' OR {path} IN ("), ",", ")]", quoted),
        ),
        ("alternatives in AND", ors(|n| format!("url:value='u{n}.com'"), "AND EXISTS url:value")),
        (
            "long literal",
            longest(
                &format!("[domain-name:value = h'{}' AND (", "00".repeat(200_000)),
                " OR ",
                ")]",
                |n| format!("EXISTS a:b{n}"),
            ),
        ),
        ("types", longest(&types, ",", ")]", |n| format!("'10.{}.{}.1'", n / 256 % 256, n % 256))),
        (
            "negated set",
            longest(
                "[domain-name:value = 'a.com' AND domain-name:value NOT IN (",
                ",",
                ")]",
                |n| format!("'e{n}.com'"),
            ),
        ),
    ] {
        let started = std::time::Instant::now();
        let reduction = reduction(&text);
        let taken = started.elapsed();
        assert!(!reduction.values.is_empty() || !reduction.unreduced.is_empty(), "{name}");
        let bytes: usize = reduction.unreduced.iter().map(|part| part.text.len()).sum();
        assert!(bytes < 64 * MAX_PATTERN_BYTES, "{name}: {bytes} bytes of reports");
        assert!(
            taken < std::time::Duration::from_secs(5),
            "{name}: {taken:?} for {} bytes",
            text.len()
        );
    }
}
