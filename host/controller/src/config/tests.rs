use std::path::Path;

use super::load::parse;
use super::{Auth, Config, ConfigError, FIRST_FILE, Origin, Presence, Schedule, tables};

const START: &str = "state = \"s\"\n";

fn wrong(text: &str) -> String {
    match parse("t.toml", &format!("{START}{text}"), Path::new("/etc/t")) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn right(text: &str) -> Config {
    parse("t.toml", &format!("{START}{text}"), Path::new("/etc/t")).unwrap().config
}

#[test]
fn a_state_alone_has_defaults_for_everything_else() {
    let config = right("");
    assert_eq!(config.state, Path::new("/etc/t/s"));
    assert_eq!(config.output.file, Path::new("/etc/t/s/matches.ndjson"));
    assert!(matches!(config.schedule, Schedule::Every(every) if every.as_secs() == 900));
    assert!(config.alerts.is_none() && config.logs.is_empty());
}

#[test]
fn every_default_and_example_is_toml() {
    for setting in tables().iter().flat_map(|table| table.settings) {
        assert!(toml::de::DeValue::parse(&setting.example()).is_ok(), "{}", setting.key);
        if let Presence::Default(value) = setting.presence {
            assert!(toml::de::DeValue::parse(value).is_ok(), "{}", setting.key);
        }
    }
}

#[test]
fn each_error_says_where_what_expected_and_got() {
    let feed = "[[feeds]]\nname = \"a\"\n";
    let cases = [
        (
            "[http]\nidle_timout = 1",
            "t.toml:3:1: http.idle_timout: expected a known key, got an unknown one; \
             did you mean `idle_timeout`?",
        ),
        (
            "[http]\nidle_timeout = 1",
            "t.toml:3:16: http.idle_timeout: \
             expected a duration of more than 0 and at most ten years",
        ),
        (
            "[matching]\nmin_confidence = 101",
            "t.toml:3:18: matching.min_confidence: expected an integer from 0 to 100, got 101",
        ),
        (
            "[schedule]\nevery = \"1m\"\ncron = \"* * * * *\"",
            "t.toml:4:8: schedule.cron: expected one of `every` and `cron`, got both",
        ),
        (
            "[schedule]\ncron = \"0 0 30 2 *\"",
            "expected a cron expression that comes due, got \"0 0 30 2 *\", which never does",
        ),
        (
            &format!("{feed}type = \"path\"\npath = \"x\"\nuser = \"u\""),
            "feeds.a.user: expected for type taxii, taxii1, url and misp-feed only, got it for type path",
        ),
        (
            &format!("{feed}type = \"taxii1\"\nurl = \"https://h/\"\nlogin_url = \"https://h/\""),
            "feeds.a.login_url: expected `user` and `password` alongside it, got nothing",
        ),
        (
            &format!(
                "{feed}type = \"taxii1\"\nurl = \"https://h/\"\nsubscribe = true\n\
                 subscription_id = \"a\""
            ),
            "feeds.a.subscribe: expected one of `subscription_id` and `subscribe`, got both",
        ),
        (
            &format!("{feed}type = \"url\""),
            "t.toml:2:1: feeds.a.url: \
             expected an http or https URL, got nothing (for example url = ",
        ),
        (
            &format!("{feed}type = \"path\"\npath = \"x\"\n{feed}type = \"path\"\npath = \"y\""),
            "feeds.a.name: expected a unique name, got \"a\" again",
        ),
        (
            &format!("{feed}type = \"url\"\nurl = \"https://u:hunter2@h/\""),
            "feeds.a.url: expected a URL without credentials, got one with them; \
             use `user` and `password`",
        ),
        (
            &format!("{feed}type = \"url\"\nurl = \"http://h/\"\ntoken = {{ env = \"PATH\" }}"),
            "feeds.a.url: expected https with credentials, got http",
        ),
        (
            &format!("{feed}type = \"url\"\nurl = \"https://h/\"\ntoken = \"hunter2\""),
            "feeds.a.token: expected a secret's place",
        ),
        (
            "[alerts]\nfrom = \"a@b.org\"\nrecipients = [\"c@d.org\"]",
            "alerts.folder: expected `folder` or `[alerts.smtp]`, got neither",
        ),
    ];
    for (text, expected) in cases {
        let got = wrong(text);
        assert!(got.contains(expected), "{text}\n{got}");
        assert!(!got.contains("hunter2"), "{got}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let got = wrong("[http]\nidle_timeout = 1\nmax_body = 0\n[matching]\nexact = 3\n");
    assert_eq!(got.matches("t.toml:").count(), 3, "{got}");
    let feed = "[[feeds]]\nname = \"a\"\ntype = \"path\"\npath = \"x\"\n";
    let got = wrong(&format!("{feed}role = 1\n{feed}rolle = \"allow\"\ntlp = \"PINK\"\n"));
    for expected in [
        "t.toml:6:8: feeds.a.role: expected \"block\" or \"allow\", got 1",
        "t.toml:8:8: feeds.a.name: expected a unique name, got \"a\" again",
        "t.toml:11:1: feeds.a.rolle: \
         expected a known key, got an unknown one; did you mean `role`?",
        "t.toml:12:7: feeds.a.tlp: expected one of CLEAR, ",
    ] {
        assert!(got.contains(expected), "{expected}\n{got}");
    }
    assert_eq!(got.matches("t.toml:").count(), 4, "{got}");
}

#[test]
fn an_item_of_a_list_is_reported_at_its_place() {
    let got = wrong("[http]\nca_files = [\"a.pem\", 7]\n[opensearch]\nhosts = []\n");
    assert!(got.contains("t.toml:3:22: http.ca_files[1]: expected a path, got 7"), "{got}");
    assert!(
        got.contains("opensearch.hosts: expected at least one URL, got an empty list"),
        "{got}"
    );
}

#[test]
fn a_setting_belongs_to_types_that_exist() {
    for table in tables() {
        let types = table.settings.iter().find(|setting| setting.key == "type");
        let types = types.map(|setting| setting.kind.name()).unwrap_or_default();
        for kind in table.settings.iter().flat_map(|setting| setting.only) {
            assert!(types.contains(&format!("\"{kind}\"")), "{kind}");
        }
    }
}

#[test]
fn settings_of_another_type_have_no_default() {
    let show = |feed: &str| {
        let text = format!("{START}[[feeds]]\nname = \"a\"\n{feed}\n");
        parse("t.toml", &text, Path::new("/etc/t")).unwrap().shown
    };
    let has_overlap =
        |shown: &[(String, String)]| shown.iter().any(|(k, _)| k == "feeds.a.overlap");
    assert!(!has_overlap(&show("type = \"path\"\npath = \"x\"")));
    assert!(has_overlap(&show("type = \"taxii\"\nurl = \"https://h/\"")));
}

#[test]
fn the_first_file_holds_as_it_is_and_with_everything_switched_on() {
    let parse = |text: &str| parse("t.toml", text, Path::new("/etc/t"));
    let first = parse(FIRST_FILE).unwrap();
    // The values in it are the defaults.
    let plain = parse("state = \"state\"").unwrap();
    assert_eq!(first.shown, plain.shown);

    let switched_on: String = FIRST_FILE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    // Files and groups that this machine may not have.
    let here = switched_on
        .replace("{ file = \"partner.password\" }", "{ env = \"PATH\" }")
        .replace("{ file = \"opensearch.password\" }", "{ env = \"PATH\" }")
        .replace("group = \"adm\"", "group = \"0\"");
    let config = parse(&here).unwrap_or_else(|error| panic!("{error}")).config;
    assert_eq!(config.feeds.len(), 4);
    assert!(config.alerts.is_some() && config.opensearch.is_some() && config.logs.len() == 1);
}

#[test]
fn plain_http_with_credentials_is_for_this_machine() {
    let config = right(
        "[[feeds]]\nname = \"a\"\ntype = \"taxii\"\nurl = \"http://127.0.0.1:1/\"\n\
         token = { env = \"PATH\" }",
    );
    let Origin::Taxii(feed) = &config.feeds[0].origin else { panic!("{config:?}") };
    assert!(matches!(feed.auth, Auth::Bearer(_)));
    assert!(!format!("{config:?}").contains("/bin"));
}

#[test]
fn no_mutation_of_a_valid_file_panics() {
    let valid = include_str!("../../../../tests/example/threatsieve.toml");
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..5000 {
        let mut bytes = valid.as_bytes().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => _ = bytes.remove(at),
                _ => bytes.insert(at, b"\"=[]{}\n#.,-1"[random.usize(..12)]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(ConfigError::Wrong { count, .. }) = parse("t.toml", &text, Path::new("/etc/t")) {
            assert!(count > 0, "no problem is named:\n{text}");
        }
    }
}
