//! The examples of the OASIS pattern validator: patterns that it accepts parse, and those that it
//! rejects do not. Source and licence are in a file next to the data.

use threatsieve_feed::pattern::{Grammar, Pattern, PatternError};

const PASS: [(Grammar, &str); 4] = [
    (Grammar::V20, include_str!("data/patterns/v20_pass.txt")),
    (Grammar::V21, include_str!("data/patterns/v21_pass.txt")),
    (Grammar::V20, include_str!("data/patterns/v20_inspect.txt")),
    (Grammar::V21, include_str!("data/patterns/v21_inspect.txt")),
];

const FAIL: [(Grammar, &str); 2] = [
    (Grammar::V20, include_str!("data/patterns/v20_fail.txt")),
    (Grammar::V21, include_str!("data/patterns/v21_fail.txt")),
];

/// Examples on which we differ from the validator, with the reason: none.
const DIFFERENT: [&str; 0] = [];

fn judge(text: &str, grammar: Grammar) -> Result<(), PatternError> {
    Pattern::parse(text, grammar)?.check()
}

#[test]
fn patterns_that_the_validator_accepts_parse() {
    let mut count = 0;
    for (grammar, text) in
        PASS.into_iter().flat_map(|(g, file)| file.lines().map(move |line| (g, line)))
    {
        if !DIFFERENT.contains(&text) {
            assert_eq!(judge(text, grammar), Ok(()), "{grammar:?}: {text}");
            count += 1;
        }
    }
    assert!(count > 150, "the example files are there: {count}");
}

#[test]
fn patterns_that_the_validator_rejects_do_not_parse() {
    let mut count = 0;
    for (grammar, text) in
        FAIL.into_iter().flat_map(|(g, file)| file.lines().map(move |line| (g, line)))
    {
        if !DIFFERENT.contains(&text) {
            let error = judge(text, grammar).expect_err(text);
            assert!(error.at() <= text.len(), "{error}: {text}");
            count += 1;
        }
    }
    assert!(count > 50, "the example files are there: {count}");
}

/// The columns in the validator's own tests, where both report the same place.
#[test]
fn errors_name_the_place() {
    for (text, at) in [
        ("file:size = 1280", 0),
        ("[file:size = ]", 13),
        ("[file:hashes.MD5 = cead3f77f6cda6ec00f57d76c9a6879f]", 19),
        ("[file.size = 1280]", 5),
        (r"[file:name MATCHES /.*\.dll/]", 19),
        ("[win-registry-key:key = 'hkey'] WITHIN ]", 39),
        ("[win-registry-key:key = 'hkey'] WITHIN 5 HOURS]", 41),
        ("[win-registry-key:key = 'hkey'] WITHIN -5 SECONDS]", 39),
        ("[network-traffic:dst_ref.value ISSUBSET ]", 40),
        ("[file:hashes.MD5 =? 'cead3f77f6cda6ec00f57d76c9a6879f']", 18),
        ("[x_whatever:detected == t'2457-73-22T32:81:84.1Z']", 24),
        ("[artifact:payload_bin = b'====']", 24),
        ("[foo:bar=1] within 2 seconds", 12),
    ] {
        let error = judge(text, Grammar::V21).expect_err(text);
        assert_eq!(error.at(), at, "{error}: {text}");
    }
}
