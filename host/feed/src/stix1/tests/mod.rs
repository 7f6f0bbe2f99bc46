//! Packages as publishers write them, reduced to values.

use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, Tlp, Value};

use crate::{BundleReport, FeedError, PackageOptions, StixLimits, StixReport, StixSet, Unreduced};

mod filters;
mod limits;
mod packages;
mod received;

/// The result of several packages, each read as its own feed.
struct Outcome {
    /// `feed id value value..`
    taken: Vec<String>,
    indicators: Vec<Indicator>,
    unreduced: Vec<Unreduced>,
    reports: Vec<BundleReport>,
    report: StixReport,
}

impl Outcome {
    /// `id: kind of the reason`, of each part without values.
    fn rejected(&self) -> Vec<String> {
        self.unreduced.iter().map(|one| format!("{}: {}", one.id, one.reason.kind())).collect()
    }
}

fn read(packages: &[&str]) -> Outcome {
    let mut set = StixSet::new(StixLimits::default());
    let mut reports = Vec::new();
    for (feed, text) in packages.iter().enumerate() {
        reports.push(
            set.read_packages(feed as u16, text.as_bytes(), PackageOptions::default()).unwrap(),
        );
    }
    let (mut taken, mut indicators, mut unreduced) = (Vec::new(), Vec::new(), Vec::new());
    let report = set.finish(
        &mut |feed, indicator| {
            let IndicatorId::Stix(id) = &indicator.id else { panic!("{:?}", indicator.id) };
            let values: Vec<String> = indicator.values.iter().map(Value::to_string).collect();
            taken.push(format!("{feed} {id} {}", values.join(" ")));
            indicators.push(indicator);
        },
        &mut |part| unreduced.push(part),
    );
    Outcome { taken, indicators, unreduced, reports, report }
}

fn error(text: &str) -> FeedError {
    StixSet::new(StixLimits::default())
        .read_packages(0, text.as_bytes(), PackageOptions::default())
        .unwrap_err()
}

/// A package with the namespaces of MITRE.
fn package(id: &str, content: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<stix:STIX_Package xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:stix="http://stix.mitre.org/stix-1" xmlns:indicator="http://stix.mitre.org/Indicator-2"
 xmlns:stixCommon="http://stix.mitre.org/common-1"
 xmlns:marking="http://data-marking.mitre.org/Marking-1"
 xmlns:tlp="http://data-marking.mitre.org/extensions/MarkingStructure#TLP-1"
 xmlns:AIS="http://www.us-cert.gov/STIXMarkingStructure#AISConsentMarking-2"
 xmlns:cybox="http://cybox.mitre.org/cybox-2" xmlns:cyboxCommon="http://cybox.mitre.org/common-2"
 xmlns:AddressObj="http://cybox.mitre.org/objects#AddressObject-2"
 xmlns:DomainNameObj="http://cybox.mitre.org/objects#DomainNameObject-1"
 xmlns:URIObj="http://cybox.mitre.org/objects#URIObject-2"
 xmlns:HostnameObj="http://cybox.mitre.org/objects#HostnameObject-1"
 xmlns:PortObj="http://cybox.mitre.org/objects#PortObject-2"
 xmlns:SocketAddressObj="http://cybox.mitre.org/objects#SocketAddressObject-1"
 xmlns:HTTPSessionObj="http://cybox.mitre.org/objects#HTTPSessionObject-2"
 xmlns:LinkObj="http://cybox.mitre.org/objects#LinkObject-1"
 xmlns:FileObj="http://cybox.mitre.org/objects#FileObject-2"
 xmlns:EmailMessageObj="http://cybox.mitre.org/objects#EmailMessageObject-2"
 id="{id}" version="1.2">{content}</stix:STIX_Package>"#
    )
}

/// An indicator with more attributes (` negate="true"`) and its content.
fn indicator(id: &str, more: &str, content: &str) -> String {
    format!(
        r#"<stix:Indicators><stix:Indicator id="{id}" xsi:type="indicator:IndicatorType"{more}>{content}</stix:Indicator></stix:Indicators>"#
    )
}

/// The object of an observable: its type (`Address`), more attributes, and its properties.
fn object(kind: &str, more: &str, properties: &str) -> String {
    format!(
        r#"<cybox:Object><cybox:Properties xsi:type="{kind}Obj:{kind}ObjectType"{more}>{properties}</cybox:Properties></cybox:Object>"#
    )
}

fn domain(more: &str, name: &str) -> String {
    object("DomainName", "", &format!("<DomainNameObj:Value{more}>{name}</DomainNameObj:Value>"))
}

fn address(more: &str, text: &str) -> String {
    let value = format!("<AddressObj:Address_Value{more}>{text}</AddressObj:Address_Value>");
    object("Address", r#" category="ipv4-addr""#, &value)
}

fn observed(content: &str) -> String {
    format!("<indicator:Observable>{content}</indicator:Observable>")
}

const EQUALS: &str = r#" condition="Equals""#;

/// Reads one object inside an indicator, and returns its values or the kinds of the reasons.
fn reduced(object: &str) -> String {
    let outcome = read(&[&package("p", &indicator("i", "", &observed(object)))]);
    match outcome.taken.as_slice() {
        [] => outcome.rejected().join(" ").replace("i: ", ""),
        [one] if outcome.unreduced.is_empty() => one.replacen("0 i ", "", 1),
        _ => format!("{:?} {:?}", outcome.taken, outcome.rejected()),
    }
}

#[test]
fn objects_give_their_values() {
    let digest = "76bf44370689f70165247ad403a3bb58";
    let hash = |kind: &str, text: &str| {
        format!(
            "<cyboxCommon:Hash><cyboxCommon:Type>{kind}</cyboxCommon:Type>\
             <cyboxCommon:Simple_Hash_Value{EQUALS}>{text}</cyboxCommon:Simple_Hash_Value>\
             </cyboxCommon:Hash>"
        )
    };
    let file = |text: &str| object("File", "", &format!("<FileObj:Hashes>{text}</FileObj:Hashes>"));
    let uri = |kind: &str, text: &str| {
        object("URI", kind, &format!("<URIObj:Value{EQUALS}>{text}</URIObj:Value>"))
    };
    let mail = |header: &str| {
        let content = format!("<EmailMessageObj:Header>{header}</EmailMessageObj:Header>");
        object("EmailMessage", "", &content)
    };
    let from = format!(
        r#"<EmailMessageObj:From category="e-mail"><AddressObj:Address_Value{EQUALS}>a@bad.example</AddressObj:Address_Value></EmailMessageObj:From>"#
    );
    let subject = format!("<EmailMessageObj:Subject{EQUALS}>Hi</EmailMessageObj:Subject>");
    let endpoint = format!(
        r#"<SocketAddressObj:IP_Address category="ipv4-addr"><AddressObj:Address_Value{EQUALS}>192.0.2.1</AddressObj:Address_Value></SocketAddressObj:IP_Address>"#
    );
    let port = format!(
        "<SocketAddressObj:Port><PortObj:Port_Value{EQUALS}>443</PortObj:Port_Value>\
         </SocketAddressObj:Port>"
    );
    let host = format!(
        "<HTTPSessionObj:HTTP_Request_Response><HTTPSessionObj:HTTP_Client_Request>\
         <HTTPSessionObj:HTTP_Request_Header><HTTPSessionObj:Parsed_Header><HTTPSessionObj:Host>\
         <HTTPSessionObj:Domain_Name><URIObj:Value{EQUALS}>bad.example</URIObj:Value>\
         </HTTPSessionObj:Domain_Name></HTTPSessionObj:Host></HTTPSessionObj:Parsed_Header>\
         </HTTPSessionObj:HTTP_Request_Header></HTTPSessionObj:HTTP_Client_Request>\
         </HTTPSessionObj:HTTP_Request_Response>"
    );
    for (object, want) in [
        (domain(EQUALS, "Bad.Example"), "bad.example"),
        (domain("", " bad.example\n"), "bad.example"),
        (domain(EQUALS, "bad[.]example"), "bad.example"),
        (address(EQUALS, "192.0.2.0/24"), "192.0.2.0/24"),
        (uri(r#" type="URL""#, "http://bad.example/a?b=1&amp;c=2"), "http://bad.example/a?b=1&c=2"),
        (uri(r#" type="Domain Name""#, "bad.example"), "bad.example"),
        (uri(r#" type="General URN""#, "urn:x:y"), "no_observable"),
        (
            object(
                "Link",
                "",
                &format!(
                    "<URIObj:Value{EQUALS}><![CDATA[http://bad.example/?a&b]]></URIObj:Value>"
                ),
            ),
            "http://bad.example/?a&b",
        ),
        (
            object(
                "Hostname",
                "",
                &format!(
                    "<HostnameObj:Is_Domain_Name>true</HostnameObj:Is_Domain_Name>\
                     <HostnameObj:Hostname_Value{EQUALS}>bad.example</HostnameObj:Hostname_Value>"
                ),
            ),
            "bad.example",
        ),
        (file(&hash("MD5", &digest.to_uppercase())), digest),
        (file(&hash("SHA1", digest)), "unfit"),
        (file(&hash("SSDEEP", "3:a:b")), "no_observable"),
        (mail(&from), "a@bad.example"),
        (mail(&format!("{from}{subject}")), "conjunction"),
        (mail(&subject), "no_observable"),
        (object("SocketAddress", "", &endpoint), "192.0.2.1"),
        (object("SocketAddress", "", &format!("{endpoint}{port}")), "192.0.2.1"),
        (object("Port", "", "<PortObj:Port_Value>443</PortObj:Port_Value>"), "no_observable"),
        (object("HTTPSession", "", &host), "bad.example"),
        ("<cybox:Description>x</cybox:Description>".to_owned(), "no_observable"),
        (domain(EQUALS, "not a name"), "unfit"),
    ] {
        assert_eq!(reduced(&object), want, "{object}");
    }
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let both = file(&format!("{}{}", hash("MD5", digest), hash("SHA1", sha1)));
    assert_eq!(reduced(&both), format!("{digest} {sha1}"), "each digest identifies the file");
}

#[test]
fn conditions_and_lists() {
    let list = "192.0.2.1##comma##192.0.2.2";
    let with = |attributes: &str, text: &str| reduced(&address(attributes, text));
    for (attributes, text, want) in [
        (r#" condition="Equals""#, list, "192.0.2.1 192.0.2.2"),
        (r#" condition="Equals" apply_condition="ANY""#, list, "192.0.2.1 192.0.2.2"),
        (r#" condition="Equals" apply_condition="ALL""#, list, "conjunction"),
        (r#" condition="Equals" apply_condition="ALL""#, "192.0.2.1", "192.0.2.1"),
        (r#" condition="Equals" apply_condition="NONE""#, list, "negation"),
        (r#" condition="Equals" delimiter=";""#, "192.0.2.1;192.0.2.2", "192.0.2.1 192.0.2.2"),
        (r#" condition="InclusiveBetween""#, "192.0.2.0##comma##192.0.2.255", "192.0.2.0/24"),
        (r#" condition="InclusiveBetween""#, "192.0.2.0", "ordering"),
        (r#" condition="ExclusiveBetween""#, list, "ordering"),
        (r#" condition="DoesNotEqual""#, "192.0.2.1", "negation"),
        (r#" condition="FitsPattern""#, "192.*", "expression"),
        (r#" condition="Contains""#, "192.0", "condition"),
        (r#" condition="GreaterThan""#, "192.0.2.1", "ordering"),
        (r#" condition="Equals" is_obfuscated="true""#, "192.0.2.1", "condition"),
        (r#" condition="Equals""#, "192.0.2.1-192.0.2.9", "unfit"),
    ] {
        assert_eq!(with(attributes, text), want, "{attributes} {text}");
    }
    assert_eq!(reduced(&domain(r#" condition="EndsWith""#, ".bad.example")), "*.bad.example");
    assert_eq!(reduced(&domain(r#" condition="EndsWith""#, "bad.example")), "condition");
}

#[test]
fn parts_that_hold_together_are_a_conjunction() {
    let digest = "76bf44370689f70165247ad403a3bb58";
    let file = |name: &str| {
        let hash = format!(
            "<FileObj:Hashes><cyboxCommon:Hash><cyboxCommon:Simple_Hash_Value{EQUALS}>{digest}\
             </cyboxCommon:Simple_Hash_Value></cyboxCommon:Hash></FileObj:Hashes>"
        );
        object("File", "", &format!("<FileObj:File_Name{EQUALS}>{name}</FileObj:File_Name>{hash}"))
    };
    assert_eq!(reduced(&file("a.exe")), format!("{digest} AND file name a.exe"));
    assert_eq!(
        reduced(&file("a.exe##comma##b.exe")),
        format!("{digest} AND file name a.exe {digest} AND file name b.exe")
    );
    let name = format!("<FileObj:File_Name{EQUALS}>a.exe</FileObj:File_Name>");
    assert_eq!(reduced(&object("File", "", &name)), "no_observable", "a name alone is none");
    let compose = |parts: &[String]| {
        let parts: Vec<String> =
            parts.iter().map(|one| format!("<cybox:Observable>{one}</cybox:Observable>")).collect();
        format!(
            r#"<cybox:Observable_Composition operator="AND">{}</cybox:Observable_Composition>"#,
            parts.concat()
        )
    };
    let list = address(EQUALS, "192.0.2.1##comma##192.0.2.2");
    assert_eq!(
        reduced(&compose(&[domain(EQUALS, "a.example"), list.clone()])),
        "a.example AND 192.0.2.1 a.example AND 192.0.2.2"
    );
    assert_eq!(reduced(&compose(&[list.clone(), list.clone()])), "192.0.2.1 192.0.2.2");
    let below = domain(r#" condition="EndsWith""#, ".a.example");
    assert_eq!(reduced(&compose(&[below, list.clone()])), "conjunction conjunction");
    let no = format!(r#"<cybox:Observable negate="true">{list}</cybox:Observable>"#);
    let with_no = compose(&[domain(EQUALS, "a.example")]).replacen(
        "<cybox:Observable>",
        &format!("{no}<cybox:Observable>"),
        1,
    );
    assert_eq!(reduced(&with_no), "conjunction");
    let many: Vec<String> = (0..40).map(|n| domain(EQUALS, &format!("n{n}.example"))).collect();
    assert_eq!(reduced(&compose(&many)), "too_complex", "more parts than a conjunction has");
}

#[test]
fn a_port_limits_an_address() {
    let endpoint = |more: &str| {
        format!(
            r#"<SocketAddressObj:IP_Address category="ipv4-addr"><AddressObj:Address_Value{more}>192.0.2.1</AddressObj:Address_Value></SocketAddressObj:IP_Address>"#
        )
    };
    let port = |more: &str, number: &str| {
        format!(
            "<SocketAddressObj:Port><PortObj:Port_Value{more}>{number}</PortObj:Port_Value>\
             </SocketAddressObj:Port>"
        )
    };
    for (address, condition, number, want) in [
        (EQUALS, EQUALS, "443", "192.0.2.1 443 true"),
        ("", "", "443", "192.0.2.1 443 false"),
        (EQUALS, "", "443", "192.0.2.1 443 false"),
        (EQUALS, EQUALS, "80##comma##443", "192.0.2.1 80 true, 192.0.2.1 443 true"),
        (EQUALS, EQUALS, "0", ""),
        (EQUALS, r#" condition="GreaterThan""#, "1024", ""),
        ("", "", "none", "192.0.2.1"),
    ] {
        let properties = [endpoint(address), port(condition, number)].concat();
        let content = observed(&object("SocketAddress", "", &properties));
        let outcome = read(&[&package("p", &indicator("i", "", &content))]);
        let shown: Vec<String> = outcome
            .indicators
            .iter()
            .map(|one| match one.port {
                None => one.values[0].to_string(),
                Some(port) => format!("{} {} {}", one.values[0], port.number, port.is_matched),
            })
            .collect();
        assert_eq!(shown.join(", "), want, "{properties}");
    }
}

#[test]
fn compositions_and_negations() {
    let compose = |operator: &str, parts: &[String]| {
        let parts: Vec<String> =
            parts.iter().map(|one| format!("<cybox:Observable>{one}</cybox:Observable>")).collect();
        format!(
            r#"<cybox:Observable_Composition operator="{operator}">{}</cybox:Observable_Composition>"#,
            parts.concat()
        )
    };
    let (one, two) = (domain(EQUALS, "a.example"), domain(EQUALS, "b.example"));
    let both = [one.clone(), two.clone()];
    assert_eq!(reduced(&compose("OR", &both)), "a.example b.example");
    assert_eq!(reduced(&compose("AND", &both)), "a.example AND b.example");
    assert_eq!(reduced(&compose("AND", &[one.clone(), one.clone()])), "a.example");
    assert_eq!(reduced(&compose("AND", std::slice::from_ref(&one))), "a.example");
    assert_eq!(reduced(&compose("OR", &[])), "no_observable");
    let inner = compose("AND", &[one.clone(), domain(r#" condition="Contains""#, "b")]);
    let outcome = read(&[&package(
        "p",
        &indicator("i", "", &observed(&compose("OR", &[inner, domain(EQUALS, "c.example")]))),
    )]);
    assert_eq!(outcome.taken, ["0 i c.example"]);
    assert_eq!(outcome.rejected(), ["i: conjunction"]);
    assert!(outcome.unreduced[0].partial);
    assert_eq!(outcome.unreduced[0].pattern, "a.example AND DomainNameObjectType/Value Contains b");

    let negated = format!(r#"<indicator:Observable negate="true">{one}</indicator:Observable>"#);
    for content in
        [indicator("i", "", &negated), indicator("i", r#" negate="true""#, &observed(&one))]
    {
        let outcome = read(&[&package("p", &content)]);
        assert_eq!((outcome.taken.len(), outcome.rejected()), (0, vec!["i: negation".to_owned()]));
    }
}
