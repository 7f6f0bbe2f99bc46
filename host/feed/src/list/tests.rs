use threatsieve_blacklist::{IndicatorId, Timestamp, Tlp};

use super::*;

/// Returns each indicator as `line value value..`, and each rejected line as `line text: reason`.
fn read(text: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>) {
    read_with(text, &ListOptions::default())
}

fn read_with(text: impl AsRef<[u8]>, options: &ListOptions) -> (Vec<String>, Vec<String>) {
    let (mut taken, mut rejected) = (Vec::new(), Vec::new());
    let report = read_list(
        text.as_ref(),
        options,
        &mut |indicator, _| {
            let IndicatorId::Line(line) = indicator.id else { panic!("{:?}", indicator.id) };
            let values: Vec<String> = indicator.values.iter().map(ToString::to_string).collect();
            taken.push(format!("{line} {}", values.join(" ")));
        },
        &mut |line| rejected.push(format!("{} {}: {}", line.line, line.text, line.reason)),
    )
    .unwrap();
    assert_eq!((report.indicators, report.rejected), (taken.len() as u64, rejected.len() as u64));
    (taken, rejected)
}

fn taken(text: impl AsRef<[u8]>) -> Vec<String> {
    let (taken, rejected) = read(text);
    assert!(rejected.is_empty(), "{rejected:?}");
    taken
}

fn indicators(text: &str) -> Vec<Indicator> {
    let mut all = Vec::new();
    read_list(text.as_bytes(), &ListOptions::default(), &mut |one, _| all.push(one), &mut |line| {
        panic!("{line:?}")
    })
    .unwrap();
    all
}

#[test]
fn comments_and_blank_lines_are_passed_over() {
    let text = "# a list\n; of\n// bad\n\n   \t\n#\nevil.com # seen\nevil.org\t#tab\n  evil.net  \n#evil.example";
    assert_eq!(taken(text), ["7 evil.com", "8 evil.org", "9 evil.net"]);
}

#[test]
fn a_fragment_is_not_a_comment() {
    let text = "http://evil.com/#/login\nhttp://evil.com/a#b # comment\nhttp://evil.com/a?x=1#y";
    assert_eq!(
        taken(text),
        ["1 http://evil.com/#/login", "2 http://evil.com/a#b", "3 http://evil.com/a?x=1#y"]
    );
}

#[test]
fn a_mark_and_carriage_returns_and_quotes_are_not_part_of_values() {
    let text = "\u{feff}evil.com\r\n\"evil.org\"\r\n'evil.net' # x\r\n\" evil.example \"\r\n";
    assert_eq!(taken(text), ["1 evil.com", "2 evil.org", "3 evil.net", "4 evil.example"]);
    assert_eq!(taken("\u{feff}# comment\nevil.com"), ["2 evil.com"]);
    assert!(taken("").is_empty() && taken("\u{feff}").is_empty() && taken("\r\n\r\n").is_empty());
}

#[test]
fn a_list_may_mix_values_of_all_types() {
    let text = "evil.com\n*.evil.com\n1.2.3.4\n1.2.3.0/24\n2001:db8::1\n1.2.3.4 - 1.2.3.9\n\
                hxxp://evil[.]com/a\nd41d8cd98f00b204e9800998ecf8427e\n\
                bad@evil.com\nb\u{fc}cher.example";
    assert_eq!(
        taken(text),
        [
            "1 evil.com",
            "2 *.evil.com",
            "3 1.2.3.4",
            "4 1.2.3.0/24",
            "5 2001:db8::1",
            "6 1.2.3.4-1.2.3.9",
            "7 http://evil.com/a",
            "8 d41d8cd98f00b204e9800998ecf8427e",
            "9 bad@evil.com",
            "10 xn--bcher-kva.example",
        ]
    );
}

#[test]
fn a_hosts_files_lines_name_hosts() {
    let text = "127.0.0.1\tlocalhost localhost.localdomain\n255.255.255.255 broadcasthost\n\
                ::1 localhost ip6-localhost ip6-loopback\nfe80::1%lo0 localhost\n\
                ff02::1 ip6-allnodes\n0.0.0.0 0.0.0.0\n\
                0.0.0.0 evil.com other.com # both\n127.0.0.1 evil.org\n\
                ::1 evil.net\n:: evil.example\n0.0.0.0   Evil.Info   #x\n";
    assert_eq!(
        taken(text),
        ["7 evil.com other.com", "8 evil.org", "9 evil.net", "10 evil.example", "11 evil.info"]
    );
    // Only the bad name of a line is rejected. A line with an address that leads somewhere is not a
    // hosts line.
    let (taken, rejected) = read("0.0.0.0 evil.com bad_:name www.evil.com\n1.2.3.4 evil.org\n");
    assert_eq!(taken, ["1 evil.com www.evil.com"]);
    assert_eq!(rejected.len(), 2);
    assert!(
        rejected[0].starts_with("1 bad_:name: expected ")
            && rejected[1].starts_with("2 1.2.3.4 evil.org: ")
    );
    // Alone on a line it is an ordinary address. The compiler decides about it.
    assert_eq!(
        super::tests::taken("127.0.0.1\n127.0.0.1 - 127.0.0.9"),
        ["1 127.0.0.1", "2 127.0.0.1-127.0.0.9"]
    );
}

#[test]
fn lines_without_a_value_are_rejected_and_the_rest_is_read() {
    let mut text =
        b"evil.com\nevil.com:80800\nnot a value\n\xff\xfe.com\nok.\xe9vil.com\n".to_vec();
    text.extend_from_slice(format!("{}\nevil.org", "a".repeat(100_000)).as_bytes());
    let (taken, rejected) = read(text);
    assert_eq!(taken, ["1 evil.com", "7 evil.org"]);
    assert!(rejected[0].starts_with("2 evil.com:80800: expected a port"), "{}", rejected[0]);
    assert!(rejected[1].starts_with("3 not a value: "));
    assert_eq!(rejected[2], "4 \u{fffd}\u{fffd}.com: expected UTF-8, got another byte at column 1");
    assert_eq!(rejected[3], "5 ok.\u{fffd}vil.com: expected UTF-8, got another byte at column 4");
    assert!(rejected[4].ends_with("expected a line of at most 16384 bytes, got a longer one"));
    assert_eq!(
        rejected[4].chars().filter(|&c| c == 'a').count(),
        200 + "at a a".matches('a').count()
    );
    assert_eq!(rejected.len(), 5);
}

#[test]
fn the_options_decide_what_urls_cover() {
    let options = ListOptions { url_mode: UrlMode::Prefix, ..ListOptions::default() };
    for text in
        ["http://evil.com/a", "value\nhttp://evil.com/a", "value,type\nhttp://evil.com/a,url"]
    {
        let mut modes = Vec::new();
        let mut each = |indicator: Indicator, _: &str| match &indicator.values[0] {
            Value::Url { mode, .. } => modes.push(*mode),
            other => panic!("{other}"),
        };
        read_list(text.as_bytes(), &options, &mut each, &mut |line| panic!("{line:?}")).unwrap();
        assert_eq!(modes, [UrlMode::Prefix]);
    }
}

#[test]
fn the_hosts_file_of_debian_holds_nothing_bad() {
    let text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
                fe00::0 ip6-localnet\nff00::0\tip6-mcastprefix\n\
                ff02::1 ip6-allnodes\nff02::2 ip6-allrouters # all\n0.0.0.0 evil.com";
    assert_eq!(taken(text), ["7 evil.com"]);
    // With other names it is an ordinary address.
    for line in [
        "fe00::0 evil.com",
        "fe00::0 ip6-localnet evil.com",
        "fe00::1 ip6-localnet",
        "198.51.100.1 localhost",
    ] {
        assert_eq!(read(line).1.len(), 1, "{line}");
    }
}

#[test]
fn a_header_makes_a_table() {
    let text = "# made by hand\n\nid,Value,CONFIDENCE,valid_from,valid_until,tlp,name,type,other\n\
                1,evil.com,75,2026-01-01,2026-02-01T00:00:00Z,TLP:AMBER,\"Evil, Inc.\",c2,x\n\
                # between\n2,\"evil.org\",,,,,,,\n3,evil.net\r\n";
    let all = indicators(text);
    assert_eq!(all.len(), 3);
    assert_eq!(
        all[0],
        Indicator {
            confidence: Some(75),
            tlp: Some(Tlp::Amber),
            valid_from: Some(Timestamp(1_767_225_600_000_000)),
            valid_until: Some(Timestamp(1_769_904_000_000_000)),
            name: Some("Evil, Inc.".to_owned()),
            types: vec!["c2".to_owned()],
            ..bare(4, vec![Value::from_list("evil.com", UrlMode::Exact).unwrap()])
        }
    );
    assert_eq!(all[1], bare(6, vec![Value::from_list("evil.org", UrlMode::Exact).unwrap()]));
    assert_eq!(all[2], bare(7, vec![Value::from_list("evil.net", UrlMode::Exact).unwrap()]));
}

#[test]
fn headers_have_several_names_and_delimiters() {
    for header in [
        "value",
        "indicator,x",
        "ioc;x",
        "x\tvalue",
        "\"value\",\"confidence\"",
        " Value , Confidence ",
        "\u{feff}value,confidence",
    ] {
        let record = if header.starts_with('x') { "y\tevil.com" } else { "evil.com" };
        assert_eq!(taken(format!("{header}\n{record}\n")), ["2 evil.com"], "{header}");
    }
    // A first line that only looks like a header is a value.
    for line in ["http://evil.com/a,indicator", "http://evil.com/;value"] {
        assert_eq!(taken(line), [format!("1 {line}")]);
    }
}

#[test]
fn fields_of_a_record_may_span_lines() {
    let text = "value,name\nevil.com,\"two\nlines, \"\"quoted\"\"\"\n\"evil.org\",x\n";
    let all = indicators(text);
    assert_eq!(all[0].name.as_deref(), Some("two\nlines, \"quoted\""));
    assert_eq!((&all[0].id, &all[1].id), (&IndicatorId::Line(2), &IndicatorId::Line(4)));
}

#[test]
fn a_quote_that_never_closes_costs_its_own_line() {
    let options =
        ListOptions { max_record_lines: 3, max_line_bytes: 100, ..ListOptions::default() };
    let why = "expected a quote that ends the last field within 3 lines and 100 bytes of text, \
               got none; the lines after it are read as records of their own";
    let long = format!("a.example,{}", "x".repeat(80));
    for (records, want_taken, want_rejected) in [
        // Too many lines, and the end of the input.
        (
            "evil.com,\"open\na.example\nb.example\nevil.org,x\nevil.net,\"end",
            "3 a.example|4 b.example|5 evil.org",
            "2 evil.com,\"open|6 evil.net,\"end",
        ),
        // Too many bytes, and a line that is too long or not text.
        (
            &format!("evil.com,\"open\n{long}\nevil.org"),
            "3 a.example|4 evil.org",
            "2 evil.com,\"open",
        ),
        // The next quote opens another field. Nothing between them may be lost.
        (
            "evil.com,\"open\na.example\nb.example,\"x\"\nevil.org",
            "3 a.example|4 b.example|5 evil.org",
            "2 evil.com,\"open",
        ),
        // Lines that are read again may open fields that go on.
        (
            "evil.com,\"open\na.example,\"two\nlines\"\nevil.org,\"y\"",
            "3 a.example|5 evil.org",
            "2 evil.com,\"open",
        ),
        (
            "evil.com,\"open\"\"\n\"\",\"x\n\"a.example\"\nb.example",
            "4 a.example|5 b.example",
            "2 evil.com,\"open\"\"|3 \"\",\"x",
        ),
    ] {
        let (taken, rejected) = read_with(format!("value,name\n{records}"), &options);
        assert_eq!(taken.join("|"), want_taken, "{records}");
        let rejected: Vec<_> =
            rejected.iter().map(|line| line.trim_end_matches(why).trim_end_matches(": ")).collect();
        assert_eq!(rejected.join("|"), want_rejected, "{records}");
    }
    let (taken, rejected) = read_with(b"value,name\nevil.com,\"open\n\xff\nevil.org\n", &options);
    assert_eq!(taken, ["4 evil.org"]);
    assert_eq!(rejected[0], format!("2 evil.com,\"open: {why}"));
    assert!(
        rejected.len() == 2 && rejected[1].starts_with("3 \u{fffd}: expected UTF-8"),
        "{rejected:?}"
    );
}

#[test]
fn a_value_comes_with_its_text_as_listed() {
    for (text, want) in [
        ("hxxp://Evil[.]com/a # seen\n'EVIL.org'", "hxxp://Evil[.]com/a|EVIL.org"),
        (
            "0.0.0.0 Evil.com\n0.0.0.0 localhost a.example B.example\n0.0.0.0 Evil.net bad_:name",
            "Evil.com|localhost a.example B.example|Evil.net",
        ),
        ("name,value\nx, \"Evil[.]com\" \n", "Evil[.]com"),
    ] {
        let mut listed = Vec::new();
        read_list(
            text.as_bytes(),
            &ListOptions::default(),
            &mut |_, text| listed.push(text.to_owned()),
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(listed.join("|"), want, "{text}");
    }
}

#[test]
fn a_quote_inside_a_field_is_a_character() {
    for (records, want) in [
        ("evil.com,a\"b\nevil.org,c\"d\nevil.net,x", "2 evil.com|3 evil.org|4 evil.net"),
        ("evil.com,5\" disk\nevil.org,x\nevil.net,\"y\"", "2 evil.com|3 evil.org|4 evil.net"),
        (
            "evil.com,\"a\" b\"\nevil.org,\"\"\nevil.net,\"\"\"\"",
            "2 evil.com|3 evil.org|4 evil.net",
        ),
        ("evil.com,\"a\n\n\"\"b,\nc\"\nevil.org,x", "2 evil.com|6 evil.org"),
    ] {
        assert_eq!(taken(format!("value,name\n{records}")).join("|"), want, "{records}");
    }
    assert_eq!(indicators("value,name\nevil.com,5\" disk")[0].name.as_deref(), Some("5\" disk"));
    assert_eq!(taken("\tvalue\n0\tevil.com"), ["2 evil.com"]);
    assert_eq!(taken("value\t\nevil.com"), ["2 evil.com"]);
    assert_eq!(taken("x\tvalue\n\tevil.com\ny\"\tevil.org"), ["2 evil.com", "3 evil.org"]);
}

#[test]
fn a_carriage_return_ends_a_line() {
    assert_eq!(taken("evil.com\revil.org\r\revil.net"), ["1 evil.com", "2 evil.org", "4 evil.net"]);
    assert_eq!(taken("value\revil.com\revil.org"), ["2 evil.com", "3 evil.org"]);
    let all = indicators("value,name\nevil.com,\"x\ry\"\n");
    assert_eq!(all[0].name.as_deref(), Some("x\ny"));
}

#[test]
fn a_bad_column_rejects_its_record() {
    for (column, got, expected) in [
        ("confidence", "101", "a whole number from 0 to 100, or nothing"),
        ("confidence", "-1", "a whole number from 0 to 100, or nothing"),
        ("confidence", "+5", "a whole number from 0 to 100, or nothing"),
        ("confidence", "high", "a whole number from 0 to 100, or nothing"),
        ("confidence", "100.5", "a whole number from 0 to 100, or nothing"),
        ("confidence", "7.", "a whole number from 0 to 100, or nothing"),
        ("confidence", "7.5", "a whole number from 0 to 100, or nothing"),
        ("valid_from", "yesterday", "a date `YYYY-MM-DD` or date and time as in RFC 3339"),
        ("valid_until", "2026-02-30", "a date `YYYY-MM-DD` or date and time as in RFC 3339"),
        ("tlp", "purple", "a TLP level (CLEAR, WHITE, GREEN, AMBER, AMBER+STRICT, RED)"),
    ] {
        let (taken, rejected) = read(format!("value,{column}\nevil.com,{got}\nevil.org,\n"));
        assert_eq!(taken, ["3 evil.org"]);
        assert_eq!(
            rejected,
            [format!("2 evil.com,{got}: column \"{column}\": expected {expected}, got \"{got}\"")]
        );
    }
    for (got, level) in
        [("0", 0), ("100", 100), (" 50 ", 50), ("007", 7), ("75.0", 75), ("100.00", 100)]
    {
        assert_eq!(
            indicators(&format!("value,confidence\nevil.com,{got}"))[0].confidence,
            Some(level)
        );
    }
    for (got, level) in
        [("white", Tlp::Clear), ("TLP:Red", Tlp::Red), ("amber+strict", Tlp::AmberStrict)]
    {
        assert_eq!(indicators(&format!("value,tlp\nevil.com,{got}"))[0].tlp, Some(level));
    }
}

#[test]
fn the_type_column_decides_how_a_value_is_read() {
    for (kind, value, want) in [
        ("url", "evil.com", "2 evil.com"),
        ("domain", "*.evil.com", "2 *.evil.com"),
        ("IPv4-Addr", "1.2.3.0/24", "2 1.2.3.0/24"),
        ("sha256", &"ab".repeat(32), &format!("2 {}", "ab".repeat(32))),
        ("email", "a@evil.com", "2 a@evil.com"),
        ("phishing", "evil.com", "2 evil.com"),
    ] {
        assert_eq!(taken(format!("value,type\n{value},{kind}")), [want]);
    }
    let url = &indicators("value,type\nevil.com,url")[0].values[0];
    assert!(matches!(url, Value::Url { .. }), "{url:?}");
    assert_eq!(read("value,type\nevil.com,ip\nevil,md5").1.len(), 2);
    assert_eq!(taken("value,type\n1.2.3.4,domain"), ["2 1.2.3.4"], "IntelMQ notes such feeds");
}

#[test]
fn a_failing_input_is_reported_with_its_position() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let input = std::io::BufReader::new(std::io::Read::chain(&b"evil.com\nevil"[..], Failing));
    let mut values = 0;
    let error = read_list(input, &ListOptions::default(), &mut |_, _| values += 1, &mut |_| {})
        .unwrap_err();
    assert!(matches!(error, FeedError::Read { offset: 13, .. }), "{error:?}");
    assert_eq!(values, 1);
}

fn report(text: &str, form: ListForm) -> Result<ListReport, String> {
    let options = ListOptions { form, ..ListOptions::default() };
    read_list(text.as_bytes(), &options, &mut |_, _| {}, &mut |_| {})
        .map_err(|error| error.to_string())
}

#[test]
fn records_that_are_not_meant_as_indicators_are_skipped_and_counted() {
    let text = "value,type,to_ids,deleted,is_active\nevil.com,domain,1,0,1\nevil.org,domain,0,,\n\
                evil.net,domain,1,1,\nevil.example,domain,,,0\nCVE-2021-1,CVE,,,\n\
                tmp/evil.exe,FilePath,,,\n";
    let report = report(text, ListForm::Auto).unwrap();
    assert_eq!((report.indicators, report.rejected), (1, 0));
    let skipped: Vec<_> =
        report.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    assert_eq!(
        skipped,
        ["a type that events are not matched for 2", "deleted 1", "not active 1", "to_ids is 0 1"]
    );
}

#[test]
fn a_header_must_name_one_column_of_values() {
    let several = report("Family,URL,IP\nx,http://evil.com/,1.2.3.4", ListForm::Auto).unwrap_err();
    assert!(several.contains("csv:url or csv:ip"), "{several}");
    let none = report("Address,Tags\n1.2.3.4,x", ListForm::Auto).unwrap_err();
    assert!(none.contains("\"Address\", \"Tags\"") && none.contains("csv:COLUMN"), "{none}");
    let named = ListForm::Csv(Some("address".to_owned()));
    assert_eq!(report("Address,Tags\n1.2.3.4,x", named).unwrap().indicators, 1);
}

#[test]
fn zeeks_intelligence_files_have_a_header() {
    let text = "#fields\tindicator\tindicator_type\tmeta.source\n\
                1.2.3.4\tIntel::ADDR\tx\nEvil.com\tIntel::DOMAIN\tx\n\
                evil.exe\tIntel::FILE_NAME\tx\n";
    let report = report(text, ListForm::Auto).unwrap();
    assert_eq!((report.indicators, report.skipped.len(), report.rejected), (2, 1, 0));
    assert!(
        self::report("#fields\tindicator\tindicator_type\n", ListForm::Auto).unwrap().may_be_empty
    );
}

#[test]
fn records_of_json_are_read_by_the_same_names() {
    let json = |text: &str| {
        let options = ListOptions { form: ListForm::Json(None), ..ListOptions::default() };
        let mut taken = Vec::new();
        let mut each = |one: Indicator, _: &str| {
            taken.push((one.values[0].to_string(), one.port, one.confidence))
        };
        read_list(text.as_bytes(), &options, &mut each, &mut |line| panic!("{line:?}"))
            .map(|_| taken)
    };
    let port = |number| Some(Port { number, is_matched: false });
    let want = [("1.2.3.4".to_owned(), port(443), Some(75))];
    assert_eq!(
        json(r#"[{"ip_address": "1.2.3.4", "port": 443, "confidence": 75}]"#).unwrap(),
        want
    );
    assert_eq!(
        json("{\"ip\":\"1.2.3.4\",\"port\":\"443\",\"confidence_level\":75}\n").unwrap(),
        want
    );
    assert_eq!(json(r#"["evil.com:80"]"#).unwrap(), [("evil.com".to_owned(), port(80), None)]);
    assert!(matches!(json(r#"[{"url": "x", "ip": "y"}]"#), Err(FeedError::Ambiguous { .. })));
    assert!(matches!(json(r#"[{"a": 1}]"#), Err(FeedError::NoValues { .. })));
}

#[test]
fn comments_name_the_kind_of_a_list() {
    assert!(report("# END 0 entries\n", ListForm::Auto).unwrap().may_be_empty);
    assert!(!report("# nothing\n", ListForm::Auto).unwrap().may_be_empty);
}

#[test]
fn a_value_is_alone_in_its_cell() {
    for line in [
        "45.66.76.0/22;SBL1",
        "evil.com/a,b",
        "evil.com/a b",
        "http://evil.com/a b",
        "http://evil.com/<b>",
        "http://evil.com/\"b",
        "a,b@evil.com",
    ] {
        assert!(read(line).0.is_empty() && read(line).1.len() == 1, "{line}");
    }
    for (line, want) in [
        ("45.66.76.0/22 ; SBL1", "45.66.76.0/22"),
        ("evil.com\t// note", "evil.com"),
        ("http://evil.com/a,b;c", "http://evil.com/a,b;c"),
        ("http://evil.com//b", "http://evil.com//b"),
    ] {
        assert_eq!(taken(line), [format!("1 {want}")]);
    }
}
