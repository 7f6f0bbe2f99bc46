//! Loading files.

use serde_json::json;
use threatsieve_blacklist::compile::SignKey;
use threatsieve_blacklist::{CompileOptions, Compiler};
use threatsieve_runner::MATCHER;

use super::world::{
    LIMIT, World, compiled, described, documents_with, hostile, indicator, node_json, one,
    processor,
};
use crate::failure::Kind;

/// Made with `openssl genpkey -algorithm ed25519`, only for these tests.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBc8BucfCuWIRlbkixEMpQBdH2dI4FdcagM/goUiiEe+
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAlHpcGu5rxHj+dV7IbayKuUU4YACrQK9po+/P2uzzVGU=
-----END PUBLIC KEY-----
";

fn matches(world: &World, blacklist: &str, value: &str) -> bool {
    let answer = world.check(blacklist, &processor(), &[(&[value], "")]).unwrap();
    answer.is_some_and(|answer| documents_with(&answer, "enrichments") == [0])
}

#[test]
fn several_blacklists_serve_at_once() {
    let world = World::new();
    assert_eq!(world.check("main", &processor(), &[]).unwrap_err().kind, Kind::NoBlacklist);
    world.load("main", &one("main", 1, "evil.com")).unwrap();
    world.load("other", &one("other", 9, "evil.org")).unwrap();
    assert!(matches(&world, "main", "evil.com") && !matches(&world, "main", "evil.org"));
    assert!(matches(&world, "other", "evil.org") && !matches(&world, "other", "evil.com"));
    world.load("main", &one("main", 2, "evil.net")).unwrap();
    assert!(matches(&world, "main", "evil.net") && !matches(&world, "main", "evil.com"));
    // This module does not decide which generation may follow another.
    world.load("main", &one("main", 1, "evil.com")).unwrap();
    assert!(matches(&world, "main", "evil.com"));
    assert!(world.node.unload("main") && !world.node.unload("main") && !world.node.unload("none"));
    let failure = world.check("main", &processor(), &[(&["evil.com"], "")]).unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::NoBlacklist, "no blacklist \"main\" is loaded")
    );
    assert!(matches(&world, "other", "evil.org"));
}

#[test]
fn a_file_may_go_once_it_is_loaded() {
    let world = World::new();
    let path = world.file("a", &one("main", 1, "evil.com"));
    world.node.load("main", &path).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches(&world, "main", "www.evil.com"));
}

#[test]
fn loading_again_does_nothing() {
    let world = World::new();
    let bytes = one("main", 1, "evil.com");
    world.load("main", &bytes).unwrap();
    world.load("main", &bytes).unwrap();
    assert_eq!(world.node.blacklist("main").unwrap().runner.counters().loads, 1);
}

#[test]
fn a_rejected_blacklist_leaves_the_old_one() {
    let world = World::new();
    let good = one("main", 1, "evil.com");
    world.load("main", &good).unwrap();
    let refused = |bytes: &[u8]| {
        let failure = world.load("main", bytes).unwrap_err();
        assert!(matches(&world, "main", "evil.com"));
        assert!(failure.message.contains("main.blacklist"), "{}", failure.message);
        failure.kind
    };
    let next = one("main", 2, "evil.org");
    assert_eq!(refused(&next[..next.len() - 1]), Kind::Damaged);
    assert_eq!(refused(b"no blacklist"), Kind::Damaged);
    assert_eq!(refused(b""), Kind::Damaged);
    let mut altered = next.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&altered), Kind::Damaged);
    assert_eq!(refused(&one("other", 2, "evil.org")), Kind::Name);
    world.load("main", &next).unwrap();
    assert!(matches(&world, "main", "evil.org"));
}

#[test]
fn a_rejected_first_blacklist_leaves_nothing() {
    let world = World::new();
    assert_eq!(world.load("main", b"").unwrap_err().kind, Kind::Damaged);
    assert_eq!(world.check("main", &processor(), &[]).unwrap_err().kind, Kind::NoBlacklist);
    assert_eq!(world.node.status()["blacklists"], json!({}));
    let missing = world.file("there", b"").with_file_name("missing");
    for path in [missing.as_path(), missing.parent().unwrap()] {
        let failure = world.node.load("main", path).unwrap_err();
        assert_eq!(failure.kind, Kind::Io);
        assert!(failure.message.starts_with(&path.display().to_string()), "{}", failure.message);
    }
    // A component that does not answer is detected before the switch.
    let world = World::with(node_json(), hostile!("start_trap"));
    assert_eq!(world.load("hostile", &described()).unwrap_err().kind, Kind::Trap);
    assert_eq!(world.node.status()["blacklists"], json!({}));
}

#[test]
fn a_trusted_key_requires_its_signature() {
    let signed = |name: &str, key: &str| {
        let options =
            CompileOptions { name: name.to_owned(), generation: 3, ..CompileOptions::default() };
        let mut compiler = Compiler::new(options).unwrap();
        let feed = compiler.feed("test").unwrap();
        compiler
            .block(feed, indicator("a", "evil.com"), &mut |rejected| panic!("{rejected:?}"))
            .unwrap();
        let mut blacklist = compiler.finish().unwrap();
        blacklist.sign(&SignKey::from_pem(key).unwrap());
        blacklist.into_bytes()
    };
    let mut options = node_json();
    options["trusted_key_pem"] = json!(PUBLIC);
    let world = World::with(options, MATCHER);
    let failure = world.load("main", &one("main", 1, "evil.com")).unwrap_err();
    assert_eq!(failure.kind, Kind::Signature);
    assert!(failure.message.contains("not signed"), "{}", failure.message);
    let other = PRIVATE.replace("IBc8Bucf", "IBc8Bucg");
    assert_eq!(world.load("main", &signed("main", &other)).unwrap_err().kind, Kind::Signature);
    world.load("main", &signed("main", PRIVATE)).unwrap();
    assert_eq!(world.node.status()["blacklists"]["main"]["signed"], true);
}

#[test]
fn a_file_is_inspected_without_loading() {
    let world = World::new();
    let indicators = ["evil.com", "45.77.1.0/24", &"a".repeat(32), &"b".repeat(64)]
        .iter()
        .enumerate()
        .map(|(n, value)| indicator(&n.to_string(), value))
        .collect();
    let bytes = compiled("main", 5, indicators, &["ok.com"]);
    let report = world.node.inspect(&world.file("a", &bytes)).unwrap();
    assert_eq!(
        (
            &report["name"],
            &report["generation"],
            &report["signed"],
            &report["bytes"],
            &report["entries"]
        ),
        (&json!("main"), &json!(5), &json!(false), &json!(bytes.len()), &json!(4))
    );
    assert_eq!(report["by_type"], json!({ "domain-name": 1, "ipv4-addr": 1, "file": 2 }));
    assert_eq!(report["digest"].as_str().unwrap().len(), 64);
    assert!(report["needs_bytes"].as_u64().unwrap() > bytes.len() as u64);
    assert_eq!(world.node.status()["blacklists"], json!({}));
    world.load("main", &bytes).unwrap();
    assert_eq!(world.node.status()["blacklists"]["main"]["digest"], report["digest"]);
    assert_eq!(world.node.inspect(&world.file("b", &bytes[..50])).unwrap_err().kind, Kind::Damaged);
}

#[test]
fn a_blacklist_that_does_not_fit_is_rejected_beforehand() {
    let world = |limit: u64| {
        let mut options = node_json();
        options["memory_limit_bytes"] = json!(limit);
        World::with(options, MATCHER)
    };
    let bytes = one("main", 1, "evil.com");
    let roomy = world(LIMIT);
    let needs =
        roomy.node.inspect(&roomy.file("a", &bytes)).unwrap()["needs_bytes"].as_u64().unwrap();
    let tight = world(needs - 1);
    let failure = tight.load("main", &bytes).unwrap_err();
    assert_eq!(failure.kind, Kind::Budget);
    let needed = format!("needs {} MB", needs.div_ceil(1_000_000));
    for part in
        ["\"main\"", "generation 1", needed.as_str(), "0 MB are held", "threatsieve.memory_limit"]
    {
        assert!(failure.message.contains(part), "{part}: {}", failure.message);
    }
    // There is room for one blacklist and its instance, not for two.
    let exact = world(needs + (1 << 20));
    exact.load("main", &bytes).unwrap();
    // The current blacklist counts while the next one is loaded, under any name.
    assert_eq!(exact.load("main", &one("main", 2, "evil.org")).unwrap_err().kind, Kind::Budget);
    assert_eq!(exact.load("other", &one("other", 1, "evil.org")).unwrap_err().kind, Kind::Budget);
    assert!(matches(&exact, "main", "evil.com"));
    exact.load("main", &bytes).unwrap();
    // A file that would not fit by itself is not read at all.
    let tiny = world(bytes.len() as u64 - 1);
    assert_eq!(tiny.node.inspect(&tiny.file("a", &bytes)).unwrap_err().kind, Kind::Budget);
}

#[test]
fn status_lists_the_loaded_blacklists() {
    let world = World::new();
    let bytes = one("main", 5, "evil.com");
    world.load("main", &bytes).unwrap();
    assert!(matches(&world, "main", "evil.com"));
    let status = world.node.status();
    assert_eq!(status["library"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["memory_limit_bytes"], &status["format"]), (&json!(LIMIT), &json!(4)));
    let main = status["blacklists"]["main"].as_object().unwrap();
    assert_eq!(status["memory_bytes"], main["memory_bytes"]);
    for (key, expected) in [
        ("generation", json!(5)),
        ("entries", json!(1)),
        ("bytes", json!(bytes.len())),
        ("signed", json!(false)),
        ("documents", json!(1)),
        ("observables", json!(1)),
        ("hits", json!(1)),
        ("suppressed", json!(0)),
        ("traps", json!(0)),
        ("deadlines", json!(0)),
        ("memory_refusals", json!(0)),
        ("other_errors", json!(0)),
        ("batches", json!(1)),
        ("instances", json!(1)),
    ] {
        assert_eq!(main[key], expected, "{key}");
    }
    assert!(main["nanoseconds"].as_u64().unwrap() > 0);
}
