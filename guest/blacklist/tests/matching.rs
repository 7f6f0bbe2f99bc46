//! Matching from end to end: values are compiled, and the blacklist is opened, looked up in and
//! resolved.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use threatsieve_blacklist::compile::{CompileOptions, Compiled, Compiler, SignKey, VerifyKey};
use threatsieve_blacklist::image::ImageError;
use threatsieve_blacklist::{
    Batch, Blacklist, DomainMode, EventContext, GuestBlacklist, Hit, Indicator, IndicatorId, Kind,
    OpenError, Policy, Port, Scratch, Timestamp, Tlp, UrlMode, Value,
};

fn compile(block: &[&str], allow: &[&str]) -> Compiled {
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let (list, good) = (compiler.feed("list").unwrap(), compiler.feed("good").unwrap());
    let values = |lines: &[&str]| -> Vec<Indicator> {
        (1..)
            .zip(lines)
            .map(|(line, text)| {
                let mode = if text.ends_with("#prefix") { UrlMode::Prefix } else { UrlMode::Exact };
                let value = Value::from_list(text.trim_end_matches("#prefix"), mode).unwrap();
                Indicator::new(IndicatorId::Line(line), vec![value])
            })
            .collect()
    };
    for one in values(block) {
        compiler.block(list, one, &mut |rejected| panic!("{rejected:?}")).unwrap();
    }
    for one in values(allow) {
        compiler.allow(good, one, &mut |rejected| panic!("{rejected:?}")).unwrap();
    }
    compiler.finish().unwrap()
}

fn hits(compiled: &Compiled, kind: Kind, value: &str) -> Vec<Hit> {
    let blacklist = Blacklist::open(compiled.bytes(), None).unwrap();
    let guest = GuestBlacklist::new(blacklist.guest_image()).unwrap();
    let mut batch = Batch::new();
    batch.push(kind, value.as_bytes());
    let mut hits = Vec::new();
    guest.check(batch.as_bytes(), &mut Scratch::default(), &mut hits).unwrap();
    hits
}

/// Returns each hit as `how value`, with `!` before those that the allow-list suppresses.
fn shown(compiled: &Compiled, kind: Kind, value: &str) -> Vec<String> {
    let blacklist = Blacklist::open(compiled.bytes(), None).unwrap();
    let shown = |hit: Hit| {
        let entry = blacklist.entry(hit.entry).unwrap();
        format!("{}{} {}", if hit.allowed_by.is_some() { "!" } else { "" }, hit.how, entry.value)
    };
    hits(compiled, kind, value).into_iter().map(shown).collect()
}

#[test]
fn domains_cover_what_is_below_them_on_label_boundaries() {
    let list = compile(
        &[
            "evil.com",
            "www.evil.com",
            "*.below.net",
            "com",
            "b\u{fc}cher.example",
            "github.io",
            ".blogspot.com",
        ],
        &[],
    );
    let at = |value| shown(&list, Kind::Host, value);
    assert_eq!(at("evil.com"), ["exact evil.com"]);
    assert_eq!(at("A.WWW.EVIL.COM."), ["subdomain www.evil.com", "subdomain evil.com"]);
    assert_eq!(at("www.evil.com:8080"), ["exact www.evil.com", "subdomain evil.com"]);
    assert!(
        at("notevil.com").is_empty() && at("evil.com.org").is_empty() && at("evil.co").is_empty()
    );
    assert!(at("below.net").is_empty());
    assert_eq!(at("x.below.net"), ["subdomain below.net"]);
    assert_eq!(at("com"), ["exact com"]);
    assert_eq!(at("www.B\u{dc}CHER.example"), ["subdomain xn--bcher-kva.example"]);
    assert_eq!(at("r3---sn-a.a_b.evil.com"), ["subdomain evil.com"]);
    assert_eq!(at("\u{fe0f}\u{200d}x\u{338}.evil.com"), ["subdomain evil.com"]);
    assert_eq!(at("github.io"), ["exact github.io"]);
    assert!(at("someone.github.io").is_empty());
    assert_eq!(at("someone.blogspot.com"), ["subdomain blogspot.com"]);
    let long = format!("{}.evil.com", "a".repeat(60_000));
    assert_eq!(shown(&list, Kind::Host, &long), ["subdomain evil.com"]);
    assert_eq!(at("www[.]evil[.]com"), ["exact www.evil.com", "subdomain evil.com"]);
    assert_eq!(shown(&list, Kind::Email, "bob@evil.com"), ["exact evil.com"]);
}

/// Text after the host does not hide it from the quick check, even if it looks like a host.
#[test]
fn a_suffix_that_only_seems_listed_hides_no_spelling_before_it() {
    // With this many names, some suffixes pass the filter by chance before it meets the bracket.
    let names: Vec<String> =
        (0..2000).map(|n| format!("git.gitlab.shop.w{n}.example-{n}.link")).collect();
    let compiled = compile(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    for name in &names {
        let defanged = name.replacen("git.", "git[.]", 1);
        for kind in [Kind::Host, Kind::Any] {
            assert_eq!(shown(&compiled, kind, &defanged), [format!("exact {name}")], "{defanged}");
        }
    }
}

#[test]
fn a_word_that_may_be_a_file_matches_in_part() {
    let list = compile(&["backup.zip", "evil.pl", "http://evil.pl/x"], &["good.evil.pl"]);
    let at = |value| shown(&list, Kind::Word, value);
    assert_eq!(at("backup.zip"), ["file_name backup.zip"]);
    assert_eq!(at("WWW.Evil.PL"), ["file_name evil.pl"]);
    assert_eq!(at("good.evil.pl"), ["!file_name evil.pl"]);
    assert!(at("evil.zip").is_empty());
    assert!(hits(&list, Kind::Word, "backup.zip").iter().all(|hit| hit.how.is_partial()));
    assert_eq!(shown(&list, Kind::Host, "backup.zip"), ["exact backup.zip"]);
}

#[test]
fn text_after_a_host_does_not_hide_it() {
    let list = compile(&["evil.com"], &[]);
    let long = "a-name-that-fills-blocks.and-ends-well.example";
    for value in [format!("evil.com:{long}"), format!("user@www.evil.com:{long}")] {
        assert_eq!(hits(&list, Kind::Host, &value).len(), 1, "{value}");
        assert_eq!(hits(&list, Kind::Url, &format!("http://{value}/")).len(), 1, "{value}");
    }
    for scheme in ["http://", "https://", ""] {
        let url = format!("{scheme}evil.com\\{long}");
        assert_eq!(hits(&list, Kind::Url, &url).len(), 1, "{url}");
        let url = format!("{scheme}{long}\\.evil.com");
        assert_eq!(hits(&list, Kind::Url, &url).len(), 0, "{url}");
    }
}

#[test]
fn addresses_lie_in_every_network_around_them() {
    let list = compile(
        &[
            "1.2.3.4",
            "1.2.3.0/24",
            "1.2.0.0/16",
            "1.2.3.3-1.2.3.9",
            "2a00::/19",
            "2a00:1::1",
            "9.255.255.255",
            "223.255.255.0/24",
        ],
        &[],
    );
    let at = |value| shown(&list, Kind::Address, value);
    assert_eq!(
        at("1.2.3.4"),
        ["exact 1.2.3.4", "range 1.2.3.3-1.2.3.9", "cidr 1.2.3.0/24", "cidr 1.2.0.0/16"]
    );
    assert_eq!(
        at("::ffff:1.2.3.9"),
        ["range 1.2.3.3-1.2.3.9", "cidr 1.2.3.0/24", "cidr 1.2.0.0/16"]
    );
    assert_eq!(at("1.2.3.10"), ["cidr 1.2.3.0/24", "cidr 1.2.0.0/16"]);
    assert_eq!(at("1.2.255.255"), ["cidr 1.2.0.0/16"]);
    assert!(
        at("1.3.0.0").is_empty() && at("0.0.0.0").is_empty() && at("255.255.255.255").is_empty()
    );
    assert_eq!(at("9.255.255.255"), ["exact 9.255.255.255"]);
    assert_eq!(at("223.255.255.255"), ["cidr 223.255.255.0/24"]);
    assert_eq!(at("2a00:1::1%eth0"), ["exact 2a00:1::1", "cidr 2a00::/19"]);
    assert!(at("2a00:2000::").is_empty() && at("0x01020304").is_empty());
    assert_eq!(shown(&list, Kind::Url, "http://0x01.0x02.255.255/a")[..], ["cidr 1.2.0.0/16"]);
    assert_eq!(
        shown(&list, Kind::Any, "[2a00:1::1]:443")[..],
        ["exact 2a00:1::1", "cidr 2a00::/19"]
    );
}

#[test]
fn urls_match_by_host_path_port_and_query() {
    let list = compile(
        &[
            "http://evil.com/a",
            "http://good.org/uc?id=1",
            "good.org/uc?id=2",
            "http://pre.org/x/y#prefix",
            "https://p.org:8443/a",
            "http://1.2.3.4/z",
        ],
        &[],
    );
    let at = |value| shown(&list, Kind::Url, value);
    assert_eq!(at("https://EVIL.com:443/a?x=1"), ["url http://evil.com/a"]);
    assert!(
        at("http://evil.com/a/b").is_empty()
            && at("http://evil.com:8080/a").is_empty()
            && at("evil.com:443").is_empty()
    );
    assert_eq!(at("http://good.org/uc?id=1"), ["url http://good.org/uc?id=1"]);
    assert_eq!(
        at("http://good.org/uc?"),
        ["url_query_unlogged http://good.org/uc?id=1", "url_query_unlogged good.org/uc?id=2"]
    );
    assert!(at("http://good.org/uc").is_empty() && at("http://good.org/uc?id=3").is_empty());
    assert_eq!(at("http://pre.org/x/y/z?q"), ["url_prefix http://pre.org/x/y"]);
    assert_eq!(at("http://pre.org/x/y"), ["url http://pre.org/x/y"]);
    assert!(at("http://pre.org/x/yz").is_empty());
    assert_eq!(at("http://p.org:8443/a"), ["url https://p.org:8443/a"]);
    assert_eq!(at("http://1.2.3.4/z"), ["url http://1.2.3.4/z"]);
}

#[test]
fn digests_and_mailboxes_are_equal() {
    let list =
        compile(&["d41d8cd98f00b204e9800998ecf8427e", "Bob@evil.com", &"ab".repeat(32)], &[]);
    assert_eq!(
        shown(&list, Kind::Hash, "D41D8CD98F00B204E9800998ECF8427E"),
        ["exact d41d8cd98f00b204e9800998ecf8427e"]
    );
    assert_eq!(shown(&list, Kind::Any, &"AB".repeat(32)), [format!("exact {}", "ab".repeat(32))]);
    assert!(shown(&list, Kind::Hash, &"ab".repeat(20)).is_empty());
    assert_eq!(shown(&list, Kind::Email, "Bob@EVIL.com"), ["exact Bob@evil.com"]);
    assert!(shown(&list, Kind::Email, "bob@evil.com").is_empty());
}

#[test]
fn the_allow_list_suppresses_what_is_no_more_specific() {
    let list = compile(
        &["google.com", "sites.google.com/x", "mail.google.com", "1.2.0.0/16", "1.2.3.4"],
        &["google.com", "1.2.3.0/24", "10.0.0.0/8"],
    );
    assert_eq!(shown(&list, Kind::Host, "www.google.com"), ["!subdomain google.com"]);
    assert_eq!(
        shown(&list, Kind::Host, "mail.google.com"),
        ["exact mail.google.com", "!subdomain google.com"]
    );
    assert_eq!(
        shown(&list, Kind::Url, "http://sites.google.com/x"),
        ["url sites.google.com/x", "!subdomain google.com"]
    );
    assert_eq!(shown(&list, Kind::Address, "1.2.3.4"), ["exact 1.2.3.4", "!cidr 1.2.0.0/16"]);
    assert_eq!(shown(&list, Kind::Address, "1.2.9.9"), ["cidr 1.2.0.0/16"]);
}

#[test]
fn policy_drops_indicators_and_keeps_the_entry_of_the_others() {
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let (a, b) = (compiler.feed("a").unwrap(), compiler.feed("b").unwrap());
    let domain = |mode| vec![Value::domain("evil.com", mode).unwrap()];
    let mut first =
        Indicator::new(IndicatorId::Stix("indicator--1".into()), domain(DomainMode::Exact));
    first.confidence = Some(40);
    first.tlp = Some(Tlp::Amber);
    first.valid_until = Some(Timestamp(100));
    first.types = vec!["c2".into(), "phishing".into()];
    compiler.block(a, first, &mut |_| panic!()).unwrap();
    compiler
        .block(
            b,
            Indicator::new(IndicatorId::Line(7), domain(DomainMode::AtAndBelow)),
            &mut |_| panic!(),
        )
        .unwrap();
    let made = compiler.finish().unwrap();
    let blacklist = Blacklist::open(made.bytes(), None).unwrap();
    let ids = |value: &str, policy: &Policy, at: i64| -> Vec<String> {
        let resolved = hits(&made, Kind::Host, value)
            .iter()
            .filter_map(|hit| blacklist.resolve(hit, policy, Timestamp(at)))
            .next();
        resolved
            .map(|m| m.entry.indicators.iter().map(|i| i.shown_id()).collect())
            .unwrap_or_default()
    };
    let all = Policy::default();
    assert_eq!(ids("evil.com", &all, 99), ["indicator--1", "b:7"]);
    assert_eq!(ids("evil.com", &all, 100), ["b:7"]);
    assert_eq!(ids("www.evil.com", &all, 0), ["b:7"]);
    assert_eq!(ids("www.evil.com", &Policy { exact: true, ..all.clone() }, 0), [""; 0]);
    assert_eq!(ids("evil.com", &Policy { min_confidence: 41, ..all.clone() }, 0), ["b:7"]);
    assert_eq!(ids("evil.com", &Policy { max_tlp: Tlp::Green, ..all.clone() }, 0), ["b:7"]);
    let entry = blacklist.entry(0).unwrap();
    assert_eq!(entry.indicators[0].types, ["c2", "phishing"]);
    assert_eq!(
        (entry.indicators[0].confidence, entry.indicators[0].tlp),
        (Some(40), Some(Tlp::Amber))
    );
    assert_eq!(blacklist.entry(1), None);
}

#[test]
fn a_port_is_kept_by_indicator_and_compared_only_where_the_feed_asks() {
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let loose = compiler.feed("loose").unwrap();
    let strict = compiler.feed("strict").unwrap();
    let address = || vec![Value::from_list("1.2.3.4", UrlMode::Exact).unwrap()];
    let mut add = |feed, line, port: Option<u16>| {
        let port = port.map(|number| Port { number, is_matched: feed == strict });
        let one = Indicator { port, ..Indicator::new(IndicatorId::Line(line), address()) };
        compiler.block(feed, one, &mut |_| panic!()).unwrap();
    };
    add(loose, 1, Some(8443));
    add(strict, 1, Some(443));
    add(strict, 2, Some(8080));
    add(strict, 3, None);
    let made = compiler.finish().unwrap();
    let blacklist = Blacklist::open(made.bytes(), None).unwrap();
    let ports: Vec<_> = blacklist
        .entry(0)
        .unwrap()
        .indicators
        .iter()
        .map(|i| i.port.map(|p| (p.number, p.is_matched)))
        .collect();
    assert_eq!(ports, [Some((8443, false)), Some((443, true)), Some((8080, true)), None]);
    assert!(blacklist.compares_ports());
    let hit = hits(&made, Kind::Address, "1.2.3.4")[0];
    let ids = |seen: EventContext| -> Vec<String> {
        let matched = blacklist.resolve(&hit, &Policy::default(), seen).unwrap();
        matched.entry.indicators.iter().map(|i| i.shown_id()).collect()
    };
    let seen = |observable: &str, destination| {
        EventContext::with_ports(Timestamp(0), observable.as_bytes(), destination)
    };
    assert_eq!(ids(seen("1.2.3.4", None)), ["loose:1", "strict:3"]);
    assert_eq!(ids(seen("1.2.3.4", Some(443))), ["loose:1", "strict:1", "strict:3"]);
    assert_eq!(ids(seen("1.2.3.4:8080", Some(443))), ["loose:1", "strict:2", "strict:3"]);
    assert_eq!(ids(seen("https://1.2.3.4/x", None)), ["loose:1", "strict:1", "strict:3"]);
    assert_eq!(ids(seen("http://1.2.3.4/x", Some(443))), ["loose:1", "strict:3"]);
}

#[test]
fn a_value_that_many_indicators_name_is_resolved_up_to_a_limit() {
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let feed = compiler.feed("a").unwrap();
    for number in 0..1000u32 {
        let values = vec![Value::domain("evil.com", DomainMode::Exact).unwrap()];
        let mut one = Indicator::new(IndicatorId::Stix(format!("indicator--{number:03}")), values);
        one.confidence = Some(if number % 2 == 0 { 90 } else { 10 });
        compiler.block(feed, one, &mut |_| panic!()).unwrap();
    }
    let made = compiler.finish().unwrap();
    let blacklist = Blacklist::open(made.bytes(), None).unwrap();
    let hit = hits(&made, Kind::Host, "evil.com")[0];
    let sure = Policy { min_confidence: 50, ..Policy::default() };
    let up_to = |limit| blacklist.resolve_up_to(&hit, &sure, Timestamp(0), limit).unwrap();
    let counts = |limit| (up_to(limit).entry.indicators.len(), up_to(limit).omitted);
    assert_eq!((counts(0), counts(3), counts(499)), ((0, 500), (3, 497), (499, 1)));
    assert_eq!((counts(500), counts(usize::MAX)), ((500, 0), (500, 0)));
    let ids: Vec<_> = up_to(3).entry.indicators.iter().map(|one| one.shown_id()).collect();
    assert_eq!(ids, ["indicator--000", "indicator--002", "indicator--004"]);
    assert_eq!(blacklist.resolve(&hit, &sure, Timestamp(0)), Some(up_to(500)));
    let none = Policy { min_confidence: 91, ..Policy::default() };
    assert_eq!(blacklist.resolve_up_to(&hit, &none, Timestamp(0), 0), None);
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_damage_is_rejected() {
    let make = || compile(&["evil.com", "1.2.3.4", "http://evil.org/x"], &["good.com"]);
    let bytes = make().into_bytes();
    assert_eq!(bytes, make().into_bytes());
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(Blacklist::open(&altered[..], None).is_err(), "byte {at}");
    }
    for end in 0..bytes.len() {
        assert!(Blacklist::open(&bytes[..end], None).is_err(), "cut at {end}");
    }
    assert_eq!(
        Blacklist::open(&b"PK\x03\x04 something else"[..], None).unwrap_err(),
        OpenError::Image(ImageError::Magic)
    );
    assert!(Blacklist::open([&bytes[..], b"x"].concat(), None).is_err());
}

#[test]
fn a_signature_is_required_when_a_key_is_given() {
    // The keys of RFC 8410, section 10.
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    let (private, public, other) = (
        SignKey::from_pem(private).unwrap(),
        VerifyKey::from_pem(public).unwrap(),
        VerifyKey::from_pem(other).unwrap(),
    );
    let mut made = compile(&["evil.com"], &[]);
    assert_eq!(Blacklist::open(made.bytes(), Some(&public)).unwrap_err(), OpenError::Unsigned);
    let digest = Blacklist::open(made.bytes(), None).unwrap().digest();
    made.sign(&private);
    let signed = Blacklist::open(made.bytes(), Some(&public)).unwrap();
    assert!(signed.is_signed() && signed.digest() == digest);
    assert_eq!(Blacklist::open(made.bytes(), Some(&other)).unwrap_err(), OpenError::Signature);
    let mut altered = made.into_bytes();
    let end = altered.len() - 1;
    altered[end - 64] ^= 1;
    assert!(Blacklist::open(altered, Some(&public)).is_err());
}
