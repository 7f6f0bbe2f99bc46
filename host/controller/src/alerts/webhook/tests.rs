//! The bodies of deliveries, from rows of matches. `tests/test_webhooks.py` tests with a real
//! server.

use std::time::Duration;

use serde_json::Value as Json;
use threatsieve_blacklist::{Timestamp, Tlp};

use super::delivery_of_conditions;
use super::message::{Limits, Service};
use crate::alerts::tests::{NOW, Said, State, assert_golden, listed, night};
use crate::alerts::{Audience, compose};
use crate::conditions::{Changes, Condition, Kind};
use crate::config::{Webhook, WebhookPreset};
use crate::text::Rfc3339;

const PRESETS: [WebhookPreset; 4] =
    [WebhookPreset::Generic, WebhookPreset::Slack, WebhookPreset::Teams, WebhookPreset::Mattermost];

pub(super) fn webhook(preset: WebhookPreset) -> Webhook {
    Webhook {
        name: preset.name().to_owned(),
        url: "https://hooks.example/T0/B0/secret".parse().unwrap(),
        preset,
        max_tlp: Tlp::Red,
        secret: None,
        headers: Default::default(),
        client_certificate: None,
        conditions: true,
        max_groups: 1000,
        max_examples: 2,
        max_events: 100,
        timeout: Duration::from_secs(1),
        give_up_after: Duration::from_secs(1),
    }
}

/// Composes the deliveries of new matches, and returns their bodies.
fn bodies(state: &mut State, webhook: &Webhook) -> Vec<Json> {
    let audience = Audience {
        alerts: None,
        webhooks: std::slice::from_ref(webhook),
        blacklist: "default",
        link: None,
    };
    compose(audience, &mut state.store, NOW).unwrap();
    let sql = "SELECT body FROM webhook_deliveries ORDER BY id";
    let mut statement = state.store.connection().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|body| serde_json::from_slice(&body.unwrap()).unwrap()).collect()
}

/// Returns all strings in a document.
fn strings<'a>(json: &'a Json, into: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => into.push(text),
        Json::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Json::Object(map) => map.values().for_each(|item| strings(item, into)),
        _ => {}
    }
}

/// Replaces what differs between machines and versions.
fn settled(mut json: Json) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if let Some(service) = json.get_mut("service") {
        service["version"] = "1.2.3".into();
    }
    let text = serde_json::to_string_pretty(&json).unwrap() + "\n";
    text.replace(&format!("on {host},"), "on sensor-1,")
        .replace(&format!("\"host\": \"{host}\""), "\"host\": \"sensor-1\"")
}

#[test]
fn all_forms_are_as_they_were_looked_at() {
    for preset in PRESETS {
        let mut all = bodies(&mut night(), &webhook(preset));
        assert_eq!(all.len(), 1);
        assert_golden(&format!("webhook-{}.json", preset.name()), &settled(all.remove(0)));
    }
}

#[test]
fn conditions_are_as_they_were_looked_at() {
    let condition = |kind, subject: &str, what: &str| Condition {
        kind,
        subject: subject.to_owned(),
        what: what.to_owned(),
        since: Rfc3339(Timestamp(NOW.0 - 3_600_000_000)),
    };
    let changes = Changes {
        began: vec![condition(Kind::FeedDead, "partner", "got <!here> from http://evil.example")],
        ended: vec![condition(Kind::OutputBlocked, "", "no space")],
        lasting: vec![condition(Kind::MailsStuck, "soc@soc.example", "1 mail waits")],
    };
    for preset in PRESETS {
        let state = State::new();
        let service = Service::new("default", state.store.connection()).unwrap();
        let made =
            delivery_of_conditions(&webhook(preset), &service, &changes, "round", NOW).unwrap();
        let body: Json = serde_json::from_slice(&made.body).unwrap();
        assert_golden(&format!("webhook-{}-conditions.json", preset.name()), &settled(body));
    }
}

/// Texts that a chat would take for a mention, a link, a format or a date.
const HOSTILE: [&str; 12] = [
    "<!here> <!channel> <@U012AB3CD> <#C024BE7LR>",
    "<https://evil.example|click> [click](https://evil.example) ![x](http://evil.example/p.png)",
    "@channel @here @all <at>Everyone</at> ~town-square",
    "`code` ```\nfence\n``` ~~~",
    "*bold* _italic_ ~strike~ > quote # head | a | b |",
    "{{DATE(2026-01-01T00:00:00Z)}} {{{DATE(2026-01-01T00:00:00Z)}}} ${x}",
    "&lt;!here&gt; &amp; \u{202e}moc.live\u{2066}",
    ":rotating_light: :evil:",
    "\"],\"x\":[\"",
    "\u{0}\u{1b}[2J\r\n#### title",
    "</script><img src=x onerror=alert(1)>",
    "\\`\\*",
];

#[test]
fn hostile_texts_stay_texts() {
    for hostile in HOSTILE {
        let said = Said {
            indicator: hostile,
            name: Some(hostile),
            feed: "feed",
            ..listed("feed", hostile)
        };
        for preset in PRESETS {
            let mut state = State::new();
            let event = state.event(10, Some(hostile), hostile);
            state.matched(event, hostile, said, false);
            let body = bodies(&mut state, &webhook(preset)).remove(0);
            let mut texts = Vec::new();
            strings(&body, &mut texts);
            match preset {
                WebhookPreset::Generic => {
                    assert_eq!(body["groups"][0]["value"], hostile, "programs get what there is");
                }
                WebhookPreset::Slack => {
                    for text in &texts {
                        assert!(!text.contains(['<', '>']), "{text}");
                    }
                    let mut kinds = Vec::new();
                    let blocks = body["blocks"].as_array().unwrap();
                    blocks.iter().for_each(|block| kinds.push(&block["type"]));
                    assert_eq!(kinds, ["header", "context", "section"], "nothing is mrkdwn");
                    assert!(!body.to_string().contains("\"mrkdwn\":true"));
                }
                WebhookPreset::Teams => {
                    assert!(texts.iter().all(|text| !text.contains("{{")), "{texts:?}");
                    let card = &body["attachments"][0]["content"];
                    assert!(card["msteams"].get("entities").is_none(), "no mentions");
                    let blocks = card["body"].as_array().unwrap();
                    assert!(blocks.iter().all(|block| block["type"] == "RichTextBlock"));
                }
                WebhookPreset::Mattermost => {
                    let outside = outside_code(body["text"].as_str().unwrap());
                    let allowed = |c: char| c.is_whitespace() || "#*".contains(c);
                    assert!(outside.chars().all(allowed), "{outside:?}");
                }
            }
            if preset != WebhookPreset::Generic {
                for raw in ["https://", "http://", "evil.example", "@channel", "\u{202e}"] {
                    assert!(
                        texts
                            .iter()
                            .filter(|text| !text.contains("adaptivecards.io"))
                            .all(|text| !text.contains(raw)),
                        "{raw} in {texts:?}"
                    );
                }
            }
        }
    }
}

/// Returns what is outside of code in Markdown: of blocks between fences, and of text between
/// backticks within a line.
fn outside_code(text: &str) -> String {
    let (mut outside, mut is_block) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            let pieces: Vec<&str> = line.split('`').collect();
            assert_eq!(pieces.len() % 2, 1, "{line}");
            outside.extend(pieces.into_iter().step_by(2));
            outside.push('\n');
        } else {
            assert!(!line.contains('`'), "{line}");
        }
    }
    assert!(!is_block);
    outside
}

#[test]
fn messages_stay_within_the_limits_of_the_chats() {
    let long = "w".repeat(3000);
    for preset in PRESETS {
        let mut state = State::new();
        for number in 0..60 {
            let entry = format!("host-{number}.{long}.example");
            for feed in ["a", "b", "c", "d", "e", "f"] {
                let said = Said { name: Some(&long), ..listed(feed, &entry) };
                let event = state.event(number, Some(&long), &long);
                state.matched(event, &entry, said, number % 2 == 0);
            }
        }
        let all = bodies(&mut state, &webhook(preset));
        let limits = Limits::of(preset);
        for body in &all {
            let bytes = body.to_string().len();
            assert!(bytes <= limits.bytes, "{preset:?}: {bytes}");
            if preset == WebhookPreset::Slack {
                let blocks = body["blocks"].as_array().unwrap();
                assert!(blocks.len() <= 50);
                for block in blocks {
                    let chars =
                        block["text"]["text"].as_str().map_or(0, |text| text.chars().count());
                    let most = if block["type"] == "header" { 150 } else { 3000 };
                    assert!(chars <= most, "{chars}");
                }
            }
            if preset == WebhookPreset::Mattermost {
                assert!(body["text"].as_str().unwrap().chars().count() <= 16_383);
            }
        }
        let text = all.iter().map(Json::to_string).collect::<String>();
        for number in 0..60 {
            let name = ["host-", &number.to_string()].concat();
            let shown = [format!("{name}.w"), format!("{name}[.]w")];
            assert!(shown.iter().any(|shown| text.contains(shown)), "{preset:?}: {name}");
        }
    }
}
