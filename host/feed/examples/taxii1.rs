//! Prints every TAXII 1 request as a line of JSON: `{"version", "name", "xml"}`. With `--read` it
//! reads answers instead, one JSON string with XML per line on standard input, and prints what it
//! understood: `{"version", "body", "blocks": [{"binding", "subtype", "content", "label"}]}` or
//! `{"error"}`.
#![allow(clippy::print_stdout, reason = "what an example is for")]

use std::error::Error;
use std::io::{self, BufRead, Write};

use serde_json::{Value as Json, json};
use threatsieve_blacklist::Timestamp;
use threatsieve_feed::taxii1::{
    Action, Binding, Inbox, MessageLimits, OutBlock, OutContent, Poll, PollBy, Request,
    ResponseType, SourceSubscription, Version, read_message,
};

const BEGIN: Option<Timestamp> = Some(Timestamp(1_700_000_000_123_456));
const END: Option<Timestamp> = Some(Timestamp(1_700_000_060_000_000));

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    if std::env::args().any(|word| word == "--read") {
        for line in io::stdin().lock().lines() {
            let text: String = serde_json::from_str(&line?)?;
            writeln!(output, "{}", understood(&text))?;
        }
    } else {
        for (version, name, request) in requests() {
            let xml = request.to_xml(version, u64::MAX)?;
            let version = if version == Version::V10 { "1.0" } else { "1.1" };
            writeln!(output, "{}", json!({"version": version, "name": name, "xml": xml}))?;
        }
    }
    output.flush()?;
    Ok(())
}

fn understood(text: &str) -> Json {
    let mut blocks = Vec::new();
    let answer = read_message(text.as_bytes(), &MessageLimits::default(), &mut |block| {
        let content = block.content.as_ref().map(|content| content.text().to_owned());
        blocks.push(json!({
            "binding": block.binding,
            "subtype": block.subtype,
            "content": content.map_err(ToString::to_string).unwrap_or_else(|error| error),
            "label": block.label.map(|label| label.0),
        }));
    });
    match answer {
        Ok(answer) => json!({
            "version": answer.version.services(),
            "in_response_to": answer.in_response_to,
            "body": format!("{:?}", answer.body),
            "blocks": blocks,
        }),
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// Returns every request in every version that has it, with and without its optional parts.
fn requests() -> Vec<(Version, String, Request)> {
    let mut all = Vec::new();
    for version in Version::ALL {
        let mut add = |name: &str, request| all.push((version, name.to_owned(), request));
        add("discovery", Request::Discovery);
        add("collections", Request::Collections);
        for (name, poll) in polls(version) {
            add(name, Request::Poll(poll));
        }
        for action in Action::ALL {
            let is_in_10 = !matches!(action, Action::Pause | Action::Resume);
            if version == Version::V11 || is_in_10 {
                let name = format!("subscription {}", action.name());
                add(&name, subscription(action, Some("s:1")));
            }
        }
        add("subscription SUBSCRIBE, new", subscription(Action::Subscribe, None));
        add("subscription STATUS of all", subscription(Action::Status, None));
        add("inbox, empty", Request::Inbox(Inbox::default()));
        add("inbox", Request::Inbox(inbox(version)));
    }
    let fulfillment =
        Request::Fulfillment { collection: "a b".to_owned(), result_id: "r/1".to_owned(), part: 2 };
    all.push((Version::V11, "fulfillment".to_owned(), fulfillment));
    all
}

fn polls(version: Version) -> Vec<(&'static str, Poll)> {
    let poll = |by, begin, end| Poll { collection: "a b".to_owned(), begin, end, by };
    let parameters =
        |response, bindings, allow_asynch| PollBy::Parameters { response, bindings, allow_asynch };
    let mut all = vec![
        ("poll", poll(parameters(ResponseType::Full, bindings(), true), BEGIN, END)),
        ("poll, all", poll(parameters(ResponseType::Full, Vec::new(), false), None, None)),
        ("poll by subscription", poll(PollBy::Subscription("s:1".to_owned()), BEGIN, END)),
    ];
    if version == Version::V11 {
        let count = parameters(ResponseType::CountOnly, Vec::new(), false);
        all.push(("poll, count", poll(count, None, END)));
    }
    all
}

fn subscription(action: Action, id: Option<&str>) -> Request {
    Request::Subscription {
        collection: "a b".to_owned(),
        action,
        id: id.map(str::to_owned),
        bindings: bindings(),
    }
}

fn bindings() -> Vec<Binding> {
    let plain = Binding { id: "urn:stix.mitre.org:xml:1.1.1".to_owned(), subtypes: Vec::new() };
    let subtypes = vec!["urn:one".to_owned(), "urn:two".to_owned()];
    let divided = Binding { id: "urn:stix.mitre.org:xml:1.2".to_owned(), subtypes };
    vec![plain, divided]
}

fn inbox(version: Version) -> Inbox {
    let block = |content, subtype: Option<&str>| OutBlock {
        binding: "urn:stix.mitre.org:xml:1.2".to_owned(),
        subtype: subtype.map(str::to_owned),
        content,
        label: BEGIN,
        message: Some("for <people> & \"others\"".to_owned()),
    };
    let document = "<?xml version=\"1.0\"?>\n<p xmlns=\"urn:p\"><q a=\"1\">\u{e9}</q></p>";
    let collections = match version {
        Version::V10 => Vec::new(),
        Version::V11 => vec!["a b".to_owned(), "c".to_owned()],
    };
    let source = SourceSubscription {
        collection: "a b".to_owned(),
        id: "s:1".to_owned(),
        begin: BEGIN,
        end: END,
    };
    Inbox {
        collections,
        message: Some("sightings".to_owned()),
        source: Some(source),
        blocks: vec![
            block(OutContent::Xml(document.to_owned()), Some("urn:one")),
            block(OutContent::Text("<p>\r\n]]></p>".to_owned()), None),
        ],
    }
}
