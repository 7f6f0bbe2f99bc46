//! Random indicators of a small vocabulary, so that values repeat.
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::collections::BTreeMap;

use fastrand::Rng;
use threatsieve_blacklist::{
    Conjunction, ConjunctionPart, DomainMode, FileHash, Indicator, IndicatorId, Port, Threat,
    ThreatKind, Timestamp, Tlp, UrlMode, Value,
};

/// Indicators by number, each with its standing.
pub(crate) type Feed = BTreeMap<u32, (Indicator, bool)>;

pub(crate) fn feed(rng: &mut Rng) -> Feed {
    (0..rng.u32(0..40)).map(|number| (number, (indicator(rng, number), rng.u8(..) > 60))).collect()
}

/// Changes a part of a feed: standings, contents, indicators that come and go.
pub(crate) fn change(rng: &mut Rng, feed: &mut Feed) {
    for number in 0..50 {
        match rng.u8(0..12) {
            0 => drop(feed.remove(&number)),
            1 => drop(feed.insert(number, (indicator(rng, number), true))),
            2 | 3 => {
                if let Some((_, is_active)) = feed.get_mut(&number) {
                    *is_active = !*is_active;
                }
            }
            4 => {
                if let Some((own, _)) = feed.get_mut(&number) {
                    own.tlp = maybe_tlp(rng);
                    own.confidence = rng.bool().then(|| rng.u8(0..=100));
                }
            }
            _ => {}
        }
    }
}

fn indicator(rng: &mut Rng, number: u32) -> Indicator {
    let values = (0..rng.usize(0..4)).map(|_| value(rng)).collect();
    let id = if rng.bool() {
        IndicatorId::Stix(format!("indicator--{number}"))
    } else {
        IndicatorId::Line(number)
    };
    let mut own = Indicator::new(id, values);
    own.confidence = rng.bool().then(|| rng.u8(0..=100));
    own.tlp = maybe_tlp(rng);
    own.valid_from = rng.bool().then(|| time(rng));
    own.valid_until = rng.bool().then(|| time(rng));
    own.name = rng.bool().then(|| text(rng));
    own.port = (rng.u8(0..4) == 0)
        .then(|| Port { number: *rng.choice(&[80, 443]).unwrap(), is_matched: rng.bool() });
    own.threats = (0..rng.usize(0..3)).map(|_| threat(rng)).collect();
    own
}

fn threat(rng: &mut Rng) -> Threat {
    let id = *rng.choice(&["T1566", "S0367", "G0007", "T1566.002", "bad id"]).unwrap();
    Threat {
        kind: *rng.choice(&ThreatKind::ALL).unwrap(),
        name: text(rng),
        id: rng.bool().then(|| id.to_owned()),
        tlp: maybe_tlp(rng),
    }
}

fn maybe_tlp(rng: &mut Rng) -> Option<Tlp> {
    rng.bool().then(|| *rng.choice(&Tlp::ALL).unwrap())
}

/// Times of all ages, some beyond what MISP stores.
fn time(rng: &mut Rng) -> Timestamp {
    match rng.u8(0..10) {
        0 => Timestamp(rng.i64(..)),
        1 => Timestamp(1_795_900_000_000_000),
        _ => Timestamp(1_790_000_000_000_000 + rng.i64(0..10_000_000_000_000)),
    }
}

/// Titles and names, with what MISP does not store.
fn text(rng: &mut Rng) -> String {
    let words = [
        "Bad",
        "host",
        "\u{1f600}",
        "b\u{fc}cher",
        "\"quoted\"",
        "a\nb",
        "\0",
        "x=\"y\"",
        " ",
        "C2",
    ];
    let mut text = String::new();
    for _ in 0..rng.usize(0..5) {
        text.push_str(rng.choice(&words).unwrap());
        text.push(' ');
    }
    if rng.u8(0..20) == 0 {
        text.push_str(&"long ".repeat(500));
    }
    text
}

fn value(rng: &mut Rng) -> Value {
    if rng.u8(0..5) == 0 {
        let parts = (0..rng.usize(2..5)).map(|_| part(rng)).collect();
        if let Ok(conjunction) = Conjunction::new(parts) {
            return Value::All(conjunction);
        }
    }
    single(rng)
}

fn part(rng: &mut Rng) -> ConjunctionPart {
    let name =
        *rng.choice(&["a.exe", "it's", "C:\\b.dll", " spaced ", "\u{1f600}", "a\nb"]).unwrap();
    if rng.u8(0..4) == 0 {
        ConjunctionPart::FileName(name.into())
    } else {
        ConjunctionPart::Value(single(rng))
    }
}

fn single(rng: &mut Rng) -> Value {
    let list = |text: &str| Value::from_list(text, UrlMode::Exact).unwrap();
    let modes = [DomainMode::AtAndBelow, DomainMode::Exact, DomainMode::Below, DomainMode::Tree];
    match rng.u8(0..12) {
        0..3 => {
            let names = [
                "evil.com",
                "EVIL.com",
                "www.evil.com",
                "b\u{fc}cher.example",
                "zip",
                "a.b",
                "under_score.example",
                "ev~il.com",
                "a.evil.com.",
                "\u{2f}x\u{338}.evil.com",
            ];
            Value::domain(rng.choice(&names).unwrap(), *rng.choice(&modes).unwrap())
                .unwrap_or_else(|_| list("evil.com"))
        }
        3 | 4 => {
            list(rng.choice(&["10.1.2.3", "10.1.2.3/32", "2001:DB8::1", "::1.2.3.4"]).unwrap())
        }
        5 => list(rng.choice(&["10.0.0.0/8", "10.1.2.1-10.1.2.9", "2001:db8::/32"]).unwrap()),
        6 | 7 => {
            let urls = [
                "http://Evil.com/A b",
                "hxxp://evil[.]com/a",
                "evil.com/a",
                "//evil.com/a",
                "http://evil.com/\u{1f600}",
                "http://evil.com/a[.]b",
                "ftp://u:p@evil.com/",
                "HTTP://EVIL.com/a",
                "http://b\u{fc}cher.example/\u{fc}",
            ];
            Value::url(rng.choice(&urls).unwrap(), UrlMode::Exact).unwrap()
        }
        8 => list(
            rng.choice(&["User@Evil.com", "user@evil.com", "\u{dc}x@evil.com", "a@zip"]).unwrap(),
        ),
        _ => Value::Hash(match rng.u8(0..3) {
            0 => FileHash::Md5([rng.u8(0..3); 16]),
            1 => FileHash::Sha1([rng.u8(0..3); 20]),
            _ => FileHash::Sha256([rng.u8(0..3); 32]),
        }),
    }
}
