//! Answers of servers, in both versions.

use std::time::Duration;

use threatsieve_blacklist::Timestamp;

use super::*;

const CONTACT: &str = "<Protocol_Binding>urn:taxii.mitre.org:protocol:https:1.0</Protocol_Binding>\
                       <Address> https://h/poll </Address>\
                       <Message_Binding>urn:taxii.mitre.org:message:xml:1.1</Message_Binding>";

fn status(children: &str) -> Status {
    let text = format!(
        "<t:Status_Message xmlns:t=\"{}\" message_id=\"2\" in_response_to=\"1\" {children}\
         </t:Status_Message>",
        Version::V11.namespace()
    );
    let (answer, _) = read(&text);
    assert_eq!((answer.version, answer.in_response_to.as_deref()), (Version::V11, Some("1")));
    match answer.body {
        Body::Status(status) => status,
        other => panic!("expected a status, got {other:?}"),
    }
}

fn detail(name: &str, value: &str) -> String {
    format!("<t:Detail name=\"{name}\">{value}</t:Detail>")
}

#[test]
fn every_status_is_recognised() {
    for kind in StatusType::ALL {
        assert_eq!(status(&format!("status_type=\"{}\">", kind.name())).kind, kind);
    }
    let own = status("status_type=\"urn:x\">");
    assert_eq!(own.kind, StatusType::Other("urn:x".to_owned()));
    assert_eq!((own.wait(), own.result_id(), own.will_push()), (None, None, false));
}

#[test]
fn retry_says_how_long_to_wait() {
    let retry = |value: &str| {
        let detail = detail("ESTIMATED_WAIT", value);
        status(&format!(
            "status_type=\"RETRY\"><t:Status_Detail>{detail}</t:Status_Detail>\
             <t:Message>busy</t:Message>"
        ))
    };
    assert_eq!(retry(" 60 ").wait(), Some(Duration::from_secs(60)));
    assert_eq!(retry("60").to_string(), "RETRY, \"busy\"; ESTIMATED_WAIT \"60\"");
    for value in ["", "soon", "-1", "1.5", "99999999999999999999"] {
        assert_eq!(retry(value).wait(), None, "{value}");
    }
    assert_eq!(status("status_type=\"RETRY\">").wait(), None);
}

#[test]
fn pending_says_where_the_result_will_be() {
    let details = [("ESTIMATED_WAIT", "5"), ("RESULT_ID", "r1"), ("WILL_PUSH", "false")];
    let details = details.map(|(name, value)| detail(name, value)).concat();
    let pending = format!("status_type=\"PENDING\"><t:Status_Detail>{details}</t:Status_Detail>");
    let pending = status(&pending);
    assert_eq!(pending.wait(), Some(Duration::from_secs(5)));
    assert_eq!((pending.result_id(), pending.will_push()), (Some("r1"), false));
    let pushed = detail("WILL_PUSH", "true");
    let pushed = format!("status_type=\"PENDING\"><t:Status_Detail>{pushed}</t:Status_Detail>");
    assert!(status(&pushed).will_push());
}

#[test]
fn other_details_are_kept() {
    let details = detail("ITEM", "collection") + &detail("SUPPORTED_BINDING", "a");
    let details = details + &detail("SUPPORTED_BINDING", "b");
    let text = format!("status_type=\"NOT_FOUND\"><t:Status_Detail>{details}</t:Status_Detail>");
    let status = status(&text);
    assert_eq!(status.details("ITEM").collect::<Vec<_>>(), ["collection"]);
    assert_eq!(status.details("SUPPORTED_BINDING").collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn version_10_has_one_detail_without_a_name() {
    let text = format!(
        "<Status_Message {NS10} message_id=\"2\" in_response_to=\"1\" status_type=\"RETRY\">\
         <Status_Detail>30</Status_Detail></Status_Message>"
    );
    let (answer, _) = read(&text);
    let Body::Status(status) = answer.body else { panic!("expected a status") };
    assert_eq!(status.wait(), Some(Duration::from_secs(30)));
    assert_eq!(status.details[0], StatusDetail { name: None, value: "30".to_owned() });
}

#[test]
fn discovery_lists_services() {
    let service = |kind: &str, available: &str| {
        format!(
            "<Service_Instance service_type=\"{kind}\" \
             service_version=\"urn:taxii.mitre.org:services:1.1\" {available}>{CONTACT}\
             <Supported_Query format_id=\"urn:q\"/><Content_Binding binding_id=\"urn:b\">\
             <Subtype subtype_id=\"urn:s\"/></Content_Binding><Message>m</Message>\
             </Service_Instance>"
        )
    };
    let services = ["DISCOVERY", "COLLECTION_MANAGEMENT", "INBOX", "POLL"];
    let services = services.map(|kind| service(kind, "available=\"false\"")).concat();
    let text = format!(
        "<Discovery_Response {NS11} message_id=\"2\" in_response_to=\"1\">{services}{}\
         </Discovery_Response>",
        service("POLL", "")
    );
    let Body::Services(services) = read(&text).0.body else { panic!("expected services") };
    let kinds: Vec<_> = services.iter().map(|service| service.kind).collect();
    let wanted = [ServiceKind::Discovery, ServiceKind::CollectionManagement, ServiceKind::Inbox];
    assert_eq!(kinds[..3], wanted);
    assert_eq!(kinds[3..], [ServiceKind::Poll, ServiceKind::Poll]);
    assert_eq!((services[0].available, services[4].available), (Some(false), None));
    let service = &services[3];
    assert_eq!(service.contact.address, "https://h/poll");
    assert!(service.contact.is_http() && service.contact.understands(Version::V11));
    assert!(!service.contact.understands(Version::V10));
    let binding = Binding { id: "urn:b".to_owned(), subtypes: vec!["urn:s".to_owned()] };
    assert_eq!((&service.bindings, &service.queries), (&vec![binding], &vec!["urn:q".to_owned()]));
    let other = text.replace("\"INBOX\"", "\"OTHER\"");
    assert!(fault(&other).contains("service_type"), "{}", fault(&other));
    assert!(fault(&text.replace("Address", "Adress")).contains("expected \"Address\""));
}

#[test]
fn collections_have_services_and_bindings() {
    let text = format!(
        "<Collection_Information_Response {NS11} message_id=\"2\" in_response_to=\"1\">\
         <Collection collection_name=\"c\" collection_type=\"DATA_SET\" available=\"true\">\
         <Description>d</Description><Collection_Volume>7</Collection_Volume>\
         <Content_Binding binding_id=\"urn:b\"/><Polling_Service>{CONTACT}</Polling_Service>\
         <Subscription_Service>{CONTACT}</Subscription_Service>\
         <Receiving_Inbox_Service>{CONTACT}</Receiving_Inbox_Service></Collection>\
         <Collection collection_name=\"d\"><Description/></Collection>\
         </Collection_Information_Response>"
    );
    let Body::Collections(collections) = read(&text).0.body else { panic!("no collections") };
    let [first, second] = &collections[..] else { panic!("expected two: {collections:?}") };
    assert_eq!((first.name.as_str(), first.volume), ("c", Some(7)));
    assert_eq!((first.kind, second.kind), (CollectionKind::DataSet, CollectionKind::DataFeed));
    let counts = (first.polling.len(), first.subscription.len(), first.inboxes.len());
    assert_eq!((counts, first.bindings.len()), ((1, 1, 1), 1));
    assert_eq!((first.available, second.available), (Some(true), None));
    assert_eq!((first.description.as_deref(), second.description.as_ref()), (Some("d"), None));
}

#[test]
fn version_10_calls_collections_feeds() {
    let text = format!(
        "<Feed_Information_Response {NS10} message_id=\"2\" in_response_to=\"1\">\
         <Feed feed_name=\"f\"><Description>d</Description><Content_Binding>urn:b\
         </Content_Binding><Polling_Service>{CONTACT}</Polling_Service></Feed>\
         </Feed_Information_Response>"
    );
    let Body::Collections(collections) = read(&text).0.body else { panic!("no collections") };
    assert_eq!((collections[0].name.as_str(), collections[0].polling.len()), ("f", 1));
    assert_eq!(collections[0].bindings[0].id, "urn:b");
}

#[test]
fn subscriptions_have_ids_and_states() {
    let one = |id: &str, status: &str| {
        format!(
            "<Subscription {status}><Subscription_ID>{id}</Subscription_ID>\
             <Subscription_Parameters><Response_Type>FULL</Response_Type>\
             <Content_Binding binding_id=\"urn:b\"/></Subscription_Parameters>\
             <Poll_Instance>{CONTACT}</Poll_Instance></Subscription>"
        )
    };
    let states = ["", "status=\"ACTIVE\"", "status=\"PAUSED\"", "status=\"UNSUBSCRIBED\""];
    let subscriptions = states.map(|status| one("s1", status)).concat();
    let text = format!(
        "<Subscription_Management_Response {NS11} message_id=\"2\" in_response_to=\"1\" \
         collection_name=\"c\"><Message>m</Message>{subscriptions}\
         </Subscription_Management_Response>"
    );
    let Body::Subscriptions(answer) = read(&text).0.body else { panic!("no subscriptions") };
    assert_eq!((answer.collection.as_str(), answer.message.as_deref()), ("c", Some("m")));
    use SubscriptionState::{Active, Paused, Unsubscribed};
    let states: Vec<_> = answer.subscriptions.iter().map(|one| one.state).collect();
    assert_eq!(states, [Active, Active, Paused, Unsubscribed]);
    let first = &answer.subscriptions[0];
    assert_eq!((first.id.as_str(), first.bindings.len(), first.polling.len()), ("s1", 1, 1));

    let text = format!(
        "<Subscription_Management_Response {NS10} message_id=\"2\" in_response_to=\"1\" \
         feed_name=\"f\"><Subscription subscription_id=\"s2\"/></Subscription_Management_Response>"
    );
    let Body::Subscriptions(answer) = read(&text).0.body else { panic!("no subscriptions") };
    assert_eq!((answer.collection.as_str(), answer.subscriptions[0].id.as_str()), ("f", "s2"));
}

#[test]
fn a_poll_response_has_labels_and_counts() {
    let labels = "<Subscription_ID>s</Subscription_ID>\
                  <Exclusive_Begin_Timestamp>1970-01-01T00:00:00.000001Z\
                  </Exclusive_Begin_Timestamp>\
                  <Inclusive_End_Timestamp>1970-01-01T01:00:02+01:00</Inclusive_End_Timestamp>\
                  <Record_Count partial_count=\"true\">12</Record_Count><Message>m</Message>";
    let response = poll_response(&poll("result_id=\"r\"", labels));
    assert_eq!(response.begin, Some(Timestamp(1)));
    assert_eq!(response.end, Some(Timestamp(2_000_000)));
    assert_eq!(response.subscription_id.as_deref(), Some("s"));
    assert_eq!(response.record_count, Some(RecordCount { count: 12, is_partial: true }));
    assert_eq!((response.more, response.result_id.as_deref()), (false, Some("r")));
    assert_eq!((response.part, response.blocks), (None, 0));
    // Servers may leave out the end, even if they were asked for it.
    assert_eq!(poll_response(&poll("", "")).end, None);
    for (attributes, children) in [
        ("more=\"yes\"", ""),
        ("result_part_number=\"one\"", ""),
        ("", "<Inclusive_End_Timestamp>2026-01-01</Inclusive_End_Timestamp>"),
        ("", "<Record_Count>many</Record_Count>"),
    ] {
        let error = fault(&poll(attributes, children));
        assert!(error.starts_with("Poll_Response, "), "{error}");
    }
}

#[test]
fn version_10_includes_the_begin() {
    let text = format!(
        "<Poll_Response {NS10} message_id=\"2\" in_response_to=\"1\" feed_name=\"f\" \
         subscription_id=\"s\">\
         <Inclusive_Begin_Timestamp>1970-01-01T00:00:01Z</Inclusive_Begin_Timestamp>\
         <Inclusive_End_Timestamp>1970-01-01T00:00:02Z</Inclusive_End_Timestamp></Poll_Response>"
    );
    let response = poll_response(&text);
    assert_eq!(
        (response.begin, response.end),
        (Some(Timestamp(1_000_000)), Some(Timestamp(2_000_000)))
    );
    assert_eq!(
        (response.collection.as_str(), response.subscription_id.as_deref()),
        ("f", Some("s"))
    );
}

#[test]
fn elements_of_other_namespaces_are_skipped() {
    let foreign = "<x:Message xmlns:x=\"urn:x\">no<Message/><x:y/></x:Message>\
                   <Message>yes</Message>\
                   <Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><a>b</a></Signature>";
    let response = poll_response(&poll("x:more=\"true\" xmlns:x=\"urn:x\"", foreign));
    assert_eq!((response.message.as_deref(), response.more), (Some("yes"), false));
}
