use std::io::BufReader;

use super::*;

/// Returns one element per line: `start text`, `document text`, `beyond`, `other text`, `envelope
/// text`.
fn split_with(
    text: &[u8],
    portion: usize,
    max_bytes: usize,
) -> (Vec<String>, Result<(), FeedError>) {
    let mut input = BufReader::with_capacity(portion, text);
    let mut found = Vec::new();
    let done = Splitter::new(&mut input, max_bytes, 8).run(&mut |element| {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.push(match element {
            Element::Object { offset, bytes, is_document: false, .. } => {
                format!("{offset} {}", shown(bytes))
            }
            Element::Object { bytes, .. } => format!("document {}", shown(bytes)),
            Element::Beyond { offset, limit, .. } => format!("{offset} beyond {limit:?}"),
            Element::Other { offset, bytes } => format!("{offset} other {}", shown(bytes)),
            Element::Envelope { bytes } => format!("envelope {}", shown(bytes)),
        });
        Ok(())
    });
    (found, done)
}

fn split(text: &str) -> Vec<String> {
    let (found, done) = split_with(text.as_bytes(), 1, 1000);
    done.unwrap();
    assert_eq!(split_with(text.as_bytes(), 4096, 1000).0, found);
    found
}

/// Returns the position of the damage, the expected and found text, and the number of objects
/// before.
fn damage(text: &str) -> (u64, &'static str, String, u64) {
    let (found, done) = split_with(text.as_bytes(), 3, 1000);
    match done {
        Err(FeedError::Json { offset, expected, got, objects }) => {
            assert_eq!(found.len() as u64, objects, "{text}");
            (offset, expected, got, objects)
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn objects_are_found_in_every_container() {
    assert_eq!(
        split(r#"{"type":"bundle","objects":[{"a":1},{}]}"#),
        [r#"28 {"a":1}"#, "36 {}", r#"envelope {"type":"bundle","objects":[]}"#]
    );
    assert_eq!(
        split(
            "\u{feff} \n{ \"more\" : true ,\r\n\"objects\" : [ {\"a\":\"]}\"} ] , \"x\":[{}] } \n"
        ),
        [r#"38 {"a":"]}"}"#, "envelope { \"more\" : true ,\r\n\"objects\" : [] , \"x\":[{}] }"]
    );
    assert_eq!(
        split(r#"[{"a":{"objects":[1]}} , {"b":[]}]"#),
        [r#"1 {"a":{"objects":[1]}}"#, r#"25 {"b":[]}"#]
    );
    assert_eq!(split(r#"{"a":{"objects":[{}]}}"#), [r#"document {"a":{"objects":[{}]}}"#]);
    assert_eq!(
        split(r#"[{"objects":[{"a":1}]}]"#),
        [r#"13 {"a":1}"#, r#"envelope {"objects":[]}"#]
    );
    assert_eq!(split(r#"{"ob\u006aects":[{}]}"#), ["17 {}", r#"envelope {"ob\u006aects":[]}"#]);
    assert_eq!(
        split("{\"a\":1}\n{\"b\":-2.5e+3}\n[]\n{}"),
        [r#"document {"a":1}"#, r#"document {"b":-2.5e+3}"#, "document {}"]
    );
    assert_eq!(split(r#"{"objects":[]}"#), [r#"envelope {"objects":[]}"#]);
    assert_eq!(split(r#"{"objects":null}"#), [r#"document {"objects":null}"#]);
}

#[test]
fn strings_hide_brackets_and_quotes() {
    for text in [
        r#"{"a":"\""}"#,
        r#"{"a":"\\"}"#,
        r#"{"a":"\\\"}"}"#,
        r#"{"a":"{[\u007d"}"#,
        r#"{"\"]":"}{","b":[["]"]]}"#,
    ] {
        assert_eq!(
            split(&format!("[{text},{text}]")),
            [format!("1 {text}"), format!("{} {text}", text.len() + 2)]
        );
        assert_eq!(split(&format!("{{\"objects\":[{text}]}}"))[0], format!("12 {text}"));
    }
}

#[test]
fn other_elements_are_distinguished_from_objects() {
    assert_eq!(
        split(r#"{"objects":[1,"a]",[{}],null,{}]}"#)[..5],
        ["12 other 1", "14 other \"a]\"", "19 other [{}]", "24 other null", "29 {}"]
    );
}

#[test]
fn objects_beyond_the_limits_are_passed_over() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(300), "]".repeat(300));
    for portion in [1, 7, 100_000] {
        let text = format!("{{\"objects\":[{long},{{}},{deep},{{}}]}}");
        let (found, done) = split_with(text.as_bytes(), portion, 1000);
        done.unwrap();
        assert!(found[0] == "12 beyond Bytes" && found[1].ends_with(" {}"), "{found:?}");
        assert!(found[2].ends_with(" beyond Depth") && found[3].ends_with(" {}"), "{found:?}");
        let (found, done) = split_with(format!("[{long},{{}}]").as_bytes(), portion, 1000);
        done.unwrap();
        assert!(found[0] == "1 beyond Bytes" && found[1].ends_with(" {}"), "{found:?}");
    }
}

#[test]
fn damage_is_reported_with_its_position() {
    let end = "the end of the input".to_owned();
    let tick = |text: &str| format!("`{text}`");
    for (text, want) in [
        ("", (0, "a JSON object or array", end.clone(), 0)),
        (" <xml>", (1, "a JSON object or array", tick("<"), 0)),
        ("\"a\"", (0, "a JSON object or array", tick("\\\""), 0)),
        ("{", (1, "a property's name in quotes", end.clone(), 0)),
        ("{a:1}", (1, "a property's name in quotes", tick("a"), 0)),
        (r#"{"a" 1}"#, (5, "`:` after a property's name", tick("1"), 0)),
        (r#"{"a":}"#, (5, "a JSON value", tick("}"), 0)),
        (r#"{"a":tru}"#, (5, "a number, `true`, `false` or `null`", "tru".to_owned(), 0)),
        (r#"{"a":1 "b":2}"#, (7, "`,` or `}` after a property", tick("\\\""), 0)),
        (r#"{"a":1,}"#, (7, "a property's name in quotes", tick("}"), 0)),
        (r#"{"objects":[{"a":1},"#, (20, "a JSON value", end.clone(), 1)),
        (r#"{"objects":[{},]}"#, (15, "a JSON value", tick("]"), 1)),
        (r#"{"objects":[{} {}]}"#, (15, "`,` or `]` after an object", tick("{"), 1)),
        (r#"{"objects":[{}}"#, (14, "`,` or `]` after an object", tick("}"), 1)),
        (r#"{"objects":[{"a":[1}]}"#, (19, "`]`", tick("}"), 0)),
        (r#"{"objects":[{"a":{1]}]}"#, (19, "`}`", tick("]"), 0)),
        ("[{}]x", (4, "a JSON object or array", tick("x"), 1)),
        ("[{}]]", (4, "a JSON object or array", tick("]"), 1)),
    ] {
        assert_eq!(damage(text), want, "{text}");
    }
    let (offset, _, got, objects) = damage(r#"{"objects":[{"a":1},{"b":"c"#);
    assert_eq!((offset, objects), (27, 1));
    assert_eq!(got, "the end of the input (the value starts at byte 20)");
}
