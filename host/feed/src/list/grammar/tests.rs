//! Lines of other programs' configurations, with the values that they block.

use std::sync::Arc;

use threatsieve_blacklist::{DomainMode, Value};

use crate::list::{ListForm, ListOptions, ListReport, read_list};
use crate::preset::{Format, Preset};

/// Returns the values with the hosts that each covers, and the report.
fn read(format: Format, text: &str) -> (Vec<String>, ListReport) {
    let mut taken = Vec::new();
    let preset = Preset { format, ..Preset::default() };
    let options =
        ListOptions { form: ListForm::Declared(Arc::new(preset)), ..ListOptions::default() };
    let mut each = |indicator: threatsieve_blacklist::Indicator, _: &str| {
        let port = indicator.port.map_or(String::new(), |port| format!(" port {}", port.number));
        taken.extend(indicator.values.iter().map(|value| format!("{}{port}", shown(value))));
    };
    let report = read_list(text.as_bytes(), &options, &mut each, &mut |_| {}).unwrap();
    (taken, report)
}

fn shown(value: &Value) -> String {
    let covers = match value {
        Value::Domain(_, DomainMode::Exact) => " alone",
        Value::Domain(_, DomainMode::Tree) => " and below",
        Value::Domain(_, DomainMode::Below) => " below",
        _ => "",
    };
    format!("{}{covers}", value.normal_forms().join(" "))
}

/// Checks the values of a text, and how many of its lines are rejected.
#[track_caller]
fn check(format: Format, text: &str, want: &[&str], rejected: u64) {
    let (taken, report) = read(format, text);
    assert_eq!(taken, want, "{text}");
    assert_eq!(report.rejected, rejected, "{text}");
}

#[test]
fn only_rules_for_whole_hosts_of_ad_blockers_count() {
    let adblock = |text, want: &[&str]| check(Format::Adblock, text, want, 0);
    adblock("||bad.top^", &["bad.top and below"]);
    adblock("||bad.top", &["bad.top and below"]);
    adblock("||bad.top^|", &["bad.top and below"]);
    adblock("||bad.top^$all,important", &["bad.top and below"]);
    adblock("||*.bad.top^", &["bad.top below"]);
    adblock("||45.66.77.1^", &["45.66.77.1"]);
    adblock("bad.top", &["bad.top alone"]);
    adblock("0.0.0.0 bad.top other.top # both", &["bad.top alone", "other.top alone"]);
    for none in [
        "! comment",
        "# comment",
        "[Adblock Plus 2.0]",
        "##.ad",
        "bad.top##.ad",
        "bad.top#@#.ad",
        "||bad.top/path^",
        "||bad.top^$third-party",
        "||bad.top^$domain=good.org",
        "||bad.*^",
        "/ad[0-9]/",
        "/ad.js",
        "@@||bad.top^$script",
        "||bad.top^$badfilter",
    ] {
        adblock(none, &[]);
    }
    let (_, report) = read(Format::Adblock, "@@||good.org^\n@@||a.good.org^|\n");
    let exceptions: Vec<String> = report.exceptions.iter().map(shown).collect();
    assert_eq!(exceptions, ["good.org and below", "a.good.org and below"]);
    check(Format::Adblock, "||bad_:x^", &[], 1);
}

#[test]
fn names_that_a_resolver_refuses_count() {
    let dnsmasq = |text, want: &[&str]| check(Format::Dnsmasq, text, want, 0);
    dnsmasq("address=/bad.top/", &["bad.top and below"]);
    dnsmasq("address=/bad.top/0.0.0.0 # x", &["bad.top and below"]);
    dnsmasq("address=/.bad.top/::", &["bad.top and below"]);
    dnsmasq("address=/*.bad.top/127.0.0.1", &["bad.top below"]);
    dnsmasq("local=/a.top/b.top/", &["a.top and below", "b.top and below"]);
    for none in [
        "address=/bad.top/10.0.0.1",
        "server=/corp.example.com/10.0.0.53",
        "server=/bad.top/#",
        "server=9.9.9.9",
        "address=/#/0.0.0.0",
        "cache-size=1000",
        "conf-dir=/etc/dnsmasq.d/,*.conf",
    ] {
        dnsmasq(none, &[]);
    }
    let unbound = |text, want: &[&str]| check(Format::Unbound, text, want, 0);
    unbound("local-zone: \"bad.top\" always_nxdomain", &["bad.top and below"]);
    unbound("  local-zone: bad.top. static # x", &["bad.top and below"]);
    unbound("local-data: 'bad.top. 60 IN A 0.0.0.0'", &["bad.top alone"]);
    unbound("local-data: \"bad.top AAAA ::\"", &["bad.top alone"]);
    for none in [
        "server:",
        "local-zone: \"corp.example.com\" transparent",
        "local-data: \"nas.lan A 10.0.0.2\"",
        "local-data: \"bad.top TXT x\"",
        "interface: 0.0.0.0",
    ] {
        unbound(none, &[]);
    }
}

#[test]
fn the_names_of_policy_zones_are_triggers() {
    let zone = |text: &str, want: &[&str]| check(Format::Rpz, text, want, 0);
    zone("bad.top CNAME .", &["bad.top alone"]);
    zone("*.bad.top 60 IN CNAME *.", &["bad.top below"]);
    zone("bad.top IN 1h CNAME rpz-drop.", &["bad.top alone"]);
    zone("$ORIGIN rpz.example.net.\nBad.top.rpz.example.net. CNAME .", &["bad.top alone"]);
    zone(
        "rpz.example.net. SOA a. b. (1 2\n 3 4 5)\nbad.top.rpz.example.net. A 0.0.0.0\n AAAA ::",
        &["bad.top alone", "bad.top alone"],
    );
    zone("24.0.95.94.93.rpz-ip CNAME .", &["93.94.95.0/24"]);
    zone("32.1.95.94.93.rpz-ip CNAME .", &["93.94.95.1"]);
    zone("48.zz.1.2a0f.rpz-ip CNAME .", &["2a0f:1::/48"]);
    zone("128.1.0.0.0.0.0.1.2a0f.rpz-ip CNAME .", &["2a0f:1::1"]);
    for none in [
        "; comment\n$TTL 30\n@ SOA a. b. 1 2 3 4 5\n NS localhost.",
        "bad.top CNAME rpz-passthru.",
        "bad.top CNAME rpz-tcp-only.",
        "bad.top TXT \"a ; b\"",
        "32.1.0.0.10.rpz-client-ip CNAME .",
        "ns.bad.top.rpz-nsdname CNAME .",
    ] {
        zone(none, &[]);
    }
    check(Format::Rpz, "999.1.2.rpz-ip CNAME .\nbad.top\n", &[], 2);
    let (_, report) = read(Format::Rpz, "*.good.org CNAME rpz-passthru.\ngood.org CNAME good.org.");
    let exceptions: Vec<String> = report.exceptions.iter().map(shown).collect();
    assert_eq!(exceptions, ["good.org below", "good.org alone"]);
}

#[test]
fn a_record_of_a_zone_that_never_ends_is_rejected() {
    let text = format!("bad.top CNAME (\n{}other.top CNAME .\n", "x x x x\n".repeat(500));
    let (taken, report) = read(Format::Rpz, &text);
    assert!(report.rejected >= 1 && taken.contains(&"other.top alone".to_owned()), "{taken:?}");
}

#[test]
fn rules_count_if_nothing_else_has_to_hold() {
    let rules = |text, want: &[&str]| check(Format::Rules, text, want, 0);
    rules(
        "alert ip [45.66.77.1, 93.94.95.0/24] any -> $HOME_NET any (msg:\"x; (y)\"; sid:1;)",
        &["45.66.77.1", "93.94.95.0/24"],
    );
    rules("drop tcp $HOME_NET any -> 45.66.77.1 443 (sid:1;)", &["45.66.77.1"]);
    rules("alert ip [!45.66.77.1,$X] any -> !93.94.95.1 any (sid:1;)", &[]);
    rules("pass ip 45.66.77.1 any -> any any (sid:1;)", &[]);
    rules("alert tcp 45.66.77.1 any -> any any (content:\"GET\"; sid:1;)", &[]);
    let dns = |options: &str, want: &[&str]| {
        let text = format!("alert dns any any -> any any (dns.query; {options} sid:1;)");
        check(Format::Rules, &text, want, 0);
    };
    dns("dotprefix; content:\".bad.top\"; endswith;", &["bad.top and below"]);
    dns("content:\".bad.top\"; nocase; endswith;", &["bad.top below"]);
    dns("content:\"bad|2e|top\"; bsize:7;", &["bad.top alone"]);
    dns("content:\"bad.top\"; startswith; endswith;", &["bad.top alone"]);
    dns("content:\"bad.top\"; isdataat:!1,relative;", &["bad.top and below"]);
    dns("content:\"bad.top\";", &[]);
    dns("content:\"bad.top\"; bsize:9;", &[]);
    dns("content:!\"bad.top\"; endswith;", &[]);
    dns("content:\"bad.top\"; endswith; pcre:\"/x/\";", &[]);
    dns("content:\"bad.top\"; endswith; content:\"x\";", &[]);
    check(Format::Rules, "alert something", &[], 1);
    check(Format::Pix, "access-list x deny ip host 45.66.77.1 any log", &["45.66.77.1"], 0);
    check(Format::Pix, "access-list x extended deny ip any host 45.66.77.1", &["45.66.77.1"], 0);
    check(Format::Pix, "access-list x deny ip 93.94.94.0 255.255.254.0 any", &["93.94.94.0/23"], 0);
    check(Format::Pix, "! x\naccess-list x permit ip any any", &[], 0);
}

#[test]
fn values_in_sentences_are_found() {
    let text = |text, want: &[&str]| check(Format::Freetext, text, want, 0);
    text("See (hxxp://bad[.]top/a(1).exe), then.", &["http://bad.top/a(1).exe"]);
    text("from [2a0f:1::1]:443 and 2a0f:1::2.", &["2a0f:1::1 port 443", "2a0f:1::2"]);
    text("\"bad.top\"; 'other.top' <x.bad.top>", &["bad.top", "other.top", "x.bad.top"]);
    text("mail drop[at]bad[dot]top!", &["drop@bad.top"]);
    text("bad.top/gate.php?x=1", &["http://bad.top/gate.php?x=1"]);
    text("invoice.docx, run.sh, 1.2.3, v2, and/or, e.g. 2026-05-04 10:20", &[]);
    text("run.sh:8080", &["run.sh port 8080"]);
}
