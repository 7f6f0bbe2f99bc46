//! The pattern parser: corner cases of the grammar, the limits, and the positions in errors.

use threatsieve_feed::pattern::{
    ComparisonKind, Grammar, Literal, MAX_DEPTH, MAX_NODES, MAX_PATTERN_BYTES, ObservationKind,
    Pattern, PatternError, Predicate, Qualifier, Test,
};

fn parse(text: &str) -> Result<Pattern, PatternError> {
    Pattern::parse(text, Grammar::V21)
}

/// Returns the only comparison of a pattern.
fn test_of(text: &str) -> Test {
    let pattern = parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    match &pattern.observation().kind {
        ObservationKind::One(comparison) => match &comparison.kind {
            ComparisonKind::Test(test) => test.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn literals_are_read() {
    let text = |text: &str| Literal::Text(text.to_owned());
    for (written, want) in [
        (r"'a\'b\\c'", text(r"a'b\c")),
        ("'\u{fc} \n '", text("\u{fc} \n ")),
        ("''", text("")),
        ("42", Literal::Integer(42)),
        ("+42", Literal::Integer(42)),
        ("-0", Literal::Integer(0)),
        ("-42", Literal::Integer(-42)),
        ("4.5", Literal::Float(4.5)),
        ("-.5", Literal::Float(-0.5)),
        ("007.5", Literal::Float(7.5)),
        ("true", Literal::Bool(true)),
        ("false", Literal::Bool(false)),
        ("h'00fFd8'", Literal::Bytes(vec![0, 0xff, 0xd8])),
        ("h''", Literal::Bytes(Vec::new())),
        ("b'dGVzdA=='", Literal::Bytes(b"test".to_vec())),
        ("b'dGVzdHM='", Literal::Bytes(b"tests".to_vec())),
        ("b'+/+/'", Literal::Bytes(vec![0xfb, 0xff, 0xbf])),
        ("t'2016-06-01T01:30:00.123Z'", Literal::Time("2016-06-01T01:30:00.123Z".to_owned())),
    ] {
        assert_eq!(
            test_of(&format!("[a:b = {written}]")).predicate,
            Predicate::Equal(want),
            "{written}"
        );
    }
}

#[test]
fn malformed_literals_are_rejected_with_their_position() {
    for (written, at) in [
        ("'a\\nb'", 9),
        ("'abc", 7),
        ("h'abc'", 7),
        ("h'xy'", 7),
        ("b''", 7),
        ("b'abc'", 7),
        ("b'a==='", 7),
        ("t'2016-06-01'", 7),
        ("t'2016-06-01T01:30:00'", 7),
        ("t'2016-13-01T01:30:00Z'", 7),
        ("007", 8),
        ("5.", 8),
        ("1e5", 8),
        ("99999999999999999999", 7),
        ("TRUE", 7),
        ("\"abc\"", 7),
    ] {
        let text = format!("[a:b = {written}]");
        assert_eq!(parse(&text).expect_err(&text).at(), at, "{text}");
    }
}

#[test]
fn paths_are_read_and_written() {
    for path in [
        "a:b",
        "x-a-b:'c-d'.e[0].f[*][-1]",
        r"a:'it\'s \\ odd'",
        "email-message:to_refs[*].value",
        "file:extensions.'windows-pebinary-ext'.sections[*].entropy",
        "a:'1b'.'IN-X'",
    ] {
        assert_eq!(test_of(&format!("[{path} = 1]")).path.to_string(), path);
    }
    for path in [
        "a", "a:", ":b", "a:b.", "a:b-c", "a:b[]", "a:b[x]", "a:b[1.5]", "a:[0]", "a:IN",
        "a:b.AND", "1a:b", "AND:b",
    ] {
        assert!(parse(&format!("[{path} = 1]")).is_err(), "{path}");
    }
}

#[test]
fn operators_have_their_synonyms_and_their_negation() {
    assert_eq!(test_of("[a:b == 1]"), test_of("[a:b = 1]"));
    assert_eq!(test_of("[a:b <> 1]"), test_of("[a:b != 1]"));
    for operator in [
        "= 1",
        "!= 1",
        "< 1",
        "<= 1",
        "> 1",
        ">= 1",
        "IN (1, 2)",
        "IN ()",
        "LIKE 'a%'",
        "MATCHES '^a'",
        "ISSUBSET '1.0.0.0/8'",
        "ISSUPERSET '1.0.0.0/8'",
    ] {
        assert!(!test_of(&format!("[a:b {operator}]")).negated, "{operator}");
        assert!(test_of(&format!("[a:b NOT {operator}]")).negated, "{operator}");
        assert!(parse(&format!("[NOT a:b {operator}]")).is_err(), "{operator}");
    }
    assert!(test_of("[NOT EXISTS a:b]").negated);
    for wrong in [
        "< true",
        "LIKE 1",
        "IN 1",
        "IN (1,)",
        "IN (1 2)",
        "EXISTS 1",
        "NOT NOT = 1",
        "=",
        "MATCHES h'00'",
    ] {
        assert!(parse(&format!("[a:b {wrong}]")).is_err(), "{wrong}");
    }
}

#[test]
fn exists_came_with_2_1() {
    assert_eq!(test_of("[EXISTS a:b]").predicate, Predicate::Exists);
    assert!(Pattern::parse("[EXISTS a:b]", Grammar::V20).is_err());
    assert!(Pattern::parse("[a:EXISTS = 1]", Grammar::V20).is_ok(), "a name like any other in 2.0");
    assert!(parse("[a:EXISTS = 1]").is_err());
}

#[test]
fn qualifiers_are_checked() {
    let qualified = |text: &str| match &parse(text).unwrap().observation().kind {
        ObservationKind::Qualified(_, qualifiers) => qualifiers.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        qualified("[a:b=1] REPEATS 5 TIMES WITHIN .5 SECONDS"),
        [Qualifier::Repeats(5), Qualifier::Within(0.5)]
    );
    for (wrong, at) in [
        ("WITHIN 0 SECONDS", 15),
        ("WITHIN 0.0 SECONDS", 15),
        ("REPEATS 0 TIMES", 16),
        ("REPEATS 1.5 TIMES", 16),
        ("REPEATS 2 TIMES REPEATS 2 TIMES", 24),
        ("START t'2020-01-01T00:00:00Z' STOP t'2020-01-01T00:00:00Z'", 43),
        ("START t'2020-02-30T00:00:00Z' STOP t'2021-01-01T00:00:00Z'", 14),
        ("START '2020-01-01T00:00:00Z' STOP '2021-01-01T00:00:00Z'", 14),
        ("START t'2020-01-01T00:00:00Z'", 37),
    ] {
        let text = format!("[a:b=1] {wrong}");
        let error = parse(&text).expect_err(&text);
        assert_eq!(error.at(), at, "{error}: {text}");
    }
    let drafts = "[a:b=1] START '2020-01-01T00:00:00Z' STOP '2021-01-01T00:00:00Z'";
    assert!(Pattern::parse(drafts, Grammar::V20).is_ok());
}

#[test]
fn and_binds_stronger_than_or_and_that_stronger_than_followedby() {
    let pattern = parse("[a:a=1] FOLLOWEDBY [a:b=1] OR [a:c=1] AND [a:d=1]").unwrap();
    let ObservationKind::FollowedBy(sides) = &pattern.observation().kind else { panic!() };
    let ObservationKind::Or(branches) = &sides[1].kind else { panic!() };
    assert_eq!(pattern.text_of(&branches[1].span), "[a:c=1] AND [a:d=1]");
    let pattern = parse("[ ( a:a=1 OR a:b=1 ) AND a:c=1 OR a:d=1 ]").unwrap();
    let ObservationKind::One(comparison) = &pattern.observation().kind else { panic!() };
    let ComparisonKind::Or(branches) = &comparison.kind else { panic!() };
    assert_eq!(pattern.text_of(&branches[0].span), "( a:a=1 OR a:b=1 ) AND a:c=1");
}

#[test]
fn white_space_and_comments_are_skipped() {
    for text in
        ["\u{feff}[a:b=1]", "[a:b=1] /* open", "[a:b=1] /", "[a:b=1]]", "", "   ", "[]", "()"]
    {
        assert!(parse(text).is_err(), "{text:?}");
    }
    for text in [
        "[a:b=1]",
        "\u{a0}\u{2003}[ a : b\u{85}=\u{3000}1 ]\r\n",
        "/* x */ [a /*:*/ : /**/ b = 1] // to the end ]]]",
        "// first\n[a:b = // here\n 1]",
        "[a:b MATCHES'x'AND a:c IN('y')]",
        "[a:b=1]AND[a:c=2]OR[a:d=3]",
    ] {
        assert!(parse(text).is_ok(), "{text:?}: {:?}", parse(text));
    }
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}[a:b=1]{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(PatternError::TooDeep { at: MAX_DEPTH }));
    let inner = format!("[{}a:b=1{}]", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(parse(&inner).is_ok());
    assert!(parse(&format!("({inner})")).is_err(), "observations and comparisons count together");
    // Within the length limit, but deeper than any stack allows.
    assert!(parse(&"(".repeat(MAX_PATTERN_BYTES)).is_err());
    let bytes = MAX_PATTERN_BYTES + 1;
    assert_eq!(parse(&"(".repeat(bytes)), Err(PatternError::TooLong { bytes }));
    assert!(parse(&format!("[{}", "(".repeat(MAX_PATTERN_BYTES - 1))).is_err());
    // In a row instead of nested: no recursion, only the length counts.
    let wide = format!("[{}a:b=1]", "a:b=1 OR ".repeat(MAX_PATTERN_BYTES / 9 - 1));
    assert!(wide.len() < MAX_PATTERN_BYTES && parse(&wide).is_ok());
    let qualified = format!("([a:b=1]){}", " WITHIN 1 SECONDS".repeat(MAX_PATTERN_BYTES / 17 - 1));
    assert!(parse(&qualified).is_ok());
    let literals = |count: usize| format!("[a:b IN (1{})]", ",1".repeat(count));
    assert!(parse(&literals(MAX_NODES - 10)).is_ok());
    assert!(matches!(parse(&literals(MAX_NODES)), Err(PatternError::TooLarge { .. })));
    let steps = |count: usize| format!("[a:b{}=1]", ".c".repeat(count));
    assert!(parse(&steps(MAX_NODES - 10)).is_ok());
    assert!(matches!(parse(&steps(MAX_NODES)), Err(PatternError::TooLarge { .. })));
}

#[test]
fn digests_are_checked_separately() {
    for (text, fits) in [
        ("[file:hashes.MD5 = 'f00']", false),
        ("[file:hashes.md5 IN ('d41d8cd98f00b204e9800998ecf8427e', 'f00')]", false),
        ("[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", true),
        ("[file:hashes.'SHA-512' = 'd41d8cd98f00b204e9800998ecf8427e']", false),
        ("[file:hashes.SSDEEP = '3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C']", true),
        ("[file:hashes.TLSH = 'anything']", true),
        ("[file:hashes.MD5 LIKE 'f00%']", true),
        ("[file:name = 'f00'] AND ([file:hashes.MD5 = 5] WITHIN 5 SECONDS)", false),
    ] {
        assert_eq!(parse(text).unwrap().check().is_ok(), fits, "{text}");
    }
}
