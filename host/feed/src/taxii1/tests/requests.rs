//! Requests. tests/test_taxii1.py validates all of them with the schemas.

use threatsieve_blacklist::Timestamp;

use super::*;

fn parameters() -> PollBy {
    let subtypes = vec!["urn:s".to_owned()];
    PollBy::Parameters {
        response: ResponseType::Full,
        bindings: vec![Binding { id: "urn:b".to_owned(), subtypes }],
        allow_asynch: true,
    }
}

fn poll_request(by: PollBy) -> Request {
    Request::Poll(Poll {
        collection: "a<\"&\n".to_owned(),
        begin: Some(Timestamp(1)),
        end: Some(Timestamp(2_000_000)),
        by,
    })
}

fn subscription(action: Action, id: Option<&str>) -> Request {
    let (collection, id) = ("c".to_owned(), id.map(str::to_owned));
    Request::Subscription { collection, action, id, bindings: Vec::new() }
}

fn out_block(content: OutContent) -> OutBlock {
    let (binding, label) = ("urn:b".to_owned(), Some(Timestamp(0)));
    OutBlock { binding, subtype: None, content, label, message: None }
}

fn inbox(content: OutContent) -> Request {
    Request::Inbox(Inbox { blocks: vec![out_block(content)], ..Inbox::default() })
}

#[test]
fn a_poll_request_spells_everything_as_the_schema_does() {
    let text = poll_request(parameters()).to_xml(Version::V11, 7).unwrap();
    assert_eq!(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><taxii_11:Poll_Request \
         xmlns:taxii_11=\"http://taxii.mitre.org/messages/taxii_xml_binding-1.1\" \
         message_id=\"7\" collection_name=\"a&lt;&quot;&amp;&#10;\">\
         <taxii_11:Exclusive_Begin_Timestamp>1970-01-01T00:00:00.000001Z\
         </taxii_11:Exclusive_Begin_Timestamp>\
         <taxii_11:Inclusive_End_Timestamp>1970-01-01T00:00:02Z</taxii_11:Inclusive_End_Timestamp>\
         <taxii_11:Poll_Parameters allow_asynch=\"true\">\
         <taxii_11:Response_Type>FULL</taxii_11:Response_Type>\
         <taxii_11:Content_Binding binding_id=\"urn:b\"><taxii_11:Subtype subtype_id=\"urn:s\">\
         </taxii_11:Subtype></taxii_11:Content_Binding></taxii_11:Poll_Parameters>\
         </taxii_11:Poll_Request>"
    );
    let text = poll_request(PollBy::Subscription("s".to_owned())).to_xml(Version::V10, 7).unwrap();
    assert!(text.contains(" subscription_id=\"s\">") && text.contains(" feed_name=\"a"), "{text}");
}

#[test]
fn version_10_has_fewer_messages() {
    let fulfillment =
        Request::Fulfillment { collection: "c".to_owned(), result_id: "r".to_owned(), part: 2 };
    let count = PollBy::Parameters {
        response: ResponseType::CountOnly,
        bindings: Vec::new(),
        allow_asynch: false,
    };
    let named = Inbox { collections: vec!["c".to_owned()], ..Inbox::default() };
    for request in [
        fulfillment,
        poll_request(count),
        subscription(Action::Pause, Some("s")),
        subscription(Action::Resume, Some("s")),
        Request::Inbox(named),
    ] {
        let error = request.to_xml(Version::V10, 1).unwrap_err();
        assert!(matches!(error, RequestError::NotInVersion10 { .. }), "{error}");
        assert!(request.to_xml(Version::V11, 1).is_ok());
    }
}

#[test]
fn required_values_must_be_given() {
    for action in [Action::Unsubscribe, Action::Pause, Action::Resume] {
        let error = subscription(action, None).to_xml(Version::V11, 1).unwrap_err();
        assert!(matches!(error, RequestError::Missing { .. }), "{error}");
    }
    let source = SourceSubscription {
        collection: "c".to_owned(),
        id: "s".to_owned(),
        begin: None,
        end: None,
    };
    let inbox = Request::Inbox(Inbox { source: Some(source), ..Inbox::default() });
    assert!(inbox.to_xml(Version::V11, 1).is_ok());
    assert!(matches!(inbox.to_xml(Version::V10, 1), Err(RequestError::Missing { .. })));
    let mut poll = Poll {
        collection: "c\u{1}".to_owned(),
        begin: Some(Timestamp(i64::MAX)),
        end: None,
        by: parameters(),
    };
    let error = Request::Poll(poll.clone()).to_xml(Version::V11, 1).unwrap_err();
    assert_eq!(error, RequestError::Character { got: '\u{1}' });
    poll.collection.pop();
    let error = Request::Poll(poll).to_xml(Version::V11, 1).unwrap_err();
    assert_eq!(error, RequestError::Time { microseconds: i64::MAX });
}

#[test]
fn sent_content_must_be_one_document() {
    let good =
        "\u{feff}<?xml version=\"1.0\"?>\n<!-- c --><p a=\"&lt;\">&amp;<![CDATA[&x;]]></p>\n";
    let text = inbox(OutContent::Xml(good.to_owned())).to_xml(Version::V11, 1).unwrap();
    let content = "<taxii_11:Content>\n<!-- c --><p a=\"&lt;\">&amp;<![CDATA[&x;]]></p></taxii_11:";
    assert!(text.contains(content), "{text}");
    let deep = "<a>".repeat(257) + &"</a>".repeat(257);
    for bad in [
        "",
        "text",
        "<a/>text",
        "<a/><b/>",
        "<a>",
        "<a></b>",
        "<a b=c/>",
        "<a>&x;</a>",
        "<!DOCTYPE a><a/>",
        "<a>\u{1}</a>",
        "</taxii_11:Content>",
        &deep,
    ] {
        let result = inbox(OutContent::Xml(bad.to_owned())).to_xml(Version::V11, 1);
        let is_refused =
            matches!(result, Err(RequestError::Content { .. } | RequestError::Character { .. }));
        assert!(is_refused, "{bad}: {result:?}");
    }
    let text = inbox(OutContent::Text("<a>\r\n]]>".to_owned())).to_xml(Version::V11, 1).unwrap();
    assert!(text.contains("Content>&lt;a&gt;&#13;&#10;]]&gt;</taxii_11:Content>"), "{text}");
}

#[test]
fn headers_name_the_version_and_the_protocol() {
    let headers = Version::V11.headers(true);
    assert_eq!(headers[0], ("Content-Type", "application/xml"));
    assert_eq!(headers[1], ("Accept", "application/xml"));
    assert_eq!(headers[2], ("X-TAXII-Content-Type", "urn:taxii.mitre.org:message:xml:1.1"));
    assert_eq!(headers[3], ("X-TAXII-Accept", "urn:taxii.mitre.org:message:xml:1.1"));
    assert_eq!(headers[4], ("X-TAXII-Services", "urn:taxii.mitre.org:services:1.1"));
    assert_eq!(headers[5], ("X-TAXII-Protocol", "urn:taxii.mitre.org:protocol:https:1.0"));
    let headers = Version::V10.headers(false);
    assert_eq!(headers[4].1, "urn:taxii.mitre.org:services:1.0");
    assert_eq!(headers[5].1, "urn:taxii.mitre.org:protocol:http:1.0");
    for version in Version::ALL {
        assert_eq!(Version::of_message_binding(version.message_binding()), Some(version));
    }
    assert_eq!(Version::of_message_binding("urn:other"), None);
}
