//! Damaged and hostile messages.

use super::*;

#[test]
fn other_documents_are_not_taxii() {
    for (text, got) in [
        ("", "nothing"),
        ("  \n", "nothing"),
        ("{\"objects\": []}", "\"{\\\"objects\\\": []}\""),
        ("<!DOCTYPE html><html><body>Log in</body></html>", "a web page"),
        ("<!doctype HTML PUBLIC \"x\">", "a web page"),
        ("<html><br></html>", "a web page"),
        ("<a/>", "XML with the root element \"a\""),
        ("<Poll_Response collection_name=\"c\"/>", "XML with the root element \"Poll_Response\""),
    ] {
        assert_eq!(fault(text), format!("expected a TAXII 1.0 or 1.1 message, got {got}"));
    }
    assert_eq!(
        fault(&format!("<Poll_Request {NS11} message_id=\"1\"/>")),
        "expected an answer, got a Poll_Request"
    );
}

#[test]
fn document_types_and_entities_are_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    let message = poll("", &block("&b;"));
    let declared = message.replacen("\n", bomb, 1);
    assert!(fault(&declared).ends_with("got XML with a document type definition"));
    for content in ["&b;", "<p>&b;</p>"] {
        assert!(fault(&poll("", &block(content))).contains("got the entity \"b\" at byte"));
    }
    assert!(fault(&poll("", "<Message>&b;</Message>")).contains("got the entity \"b\" at byte"));
    assert!(fault(&poll("result_id=\"&b;\"", "")).starts_with("damaged XML at byte"));
    assert!(fault(&poll("", &block("&#0;"))).contains("got the entity \"#0\" at byte"));
}

#[test]
fn only_utf_8_is_read() {
    let message = poll("", "");
    let other = message.replace("UTF-8", "ISO-8859-1");
    assert_eq!(fault(&other), "expected XML in UTF-8, got the encoding \"ISO-8859-1\"");
    assert!(read_with(&message.replace("UTF-8", "us-ascii"), &MessageLimits::default()).0.is_ok());
    let marked = format!("\u{feff}{message}");
    assert!(read_with(&marked, &MessageLimits::default()).0.is_ok());
    let bytes = poll("", &block("<p>X</p>")).into_bytes();
    let bytes: Vec<u8> = bytes.iter().map(|&b| if b == b'X' { 0xff } else { b }).collect();
    let answer = read_message(&*bytes, &MessageLimits::default(), &mut |_| {});
    let error = answer.unwrap_err().to_string();
    assert!(error.starts_with("damaged XML at byte") && error.contains("utf-8"), "{error}");
}

#[test]
fn a_message_that_breaks_off_is_an_error_after_its_complete_blocks() {
    let message = poll("", &[block("<p>1</p>"), block("<p>2</p>")].concat());
    for end in 1..message.len() {
        let (answer, blocks) = read_with(&message[..end], &MessageLimits::default());
        assert!(answer.is_err(), "{}", &message[..end]);
        let complete = message[..end].matches("</Content_Block>").count();
        assert_eq!(blocks.len(), complete);
    }
    let text = &message[..message.len() - 10];
    assert!(fault(text).contains("2 content blocks were read before it"), "{}", fault(text));
}

#[test]
fn damaged_xml_is_an_error() {
    for children in ["<a>", "</a>", "<a></b>", "<a b=c/>", "<a b='1' b='2'/>", "a & b", "<p:a/><"] {
        let message = poll("", &block(children));
        assert!(fault(&message).contains("XML"), "{children}: {}", fault(&message));
    }
    let twice = poll("", "") + &poll("", "");
    assert!(fault(&twice).contains("expected the end of the input after the message"));
    assert!(read(&(poll("", "") + "\n<!-- x -->\n")).1.is_empty());
}

#[test]
fn a_large_block_is_rejected_and_the_next_one_is_read() {
    let limits = MessageLimits { max_block_bytes: 1000, ..MessageLimits::default() };
    let many = format!("<p>{}</p>", "<a>1234567890</a>".repeat(1000));
    let escaped = "&lt;a&gt;1234567890".repeat(100);
    let message = poll("", &[block(&many), block(&escaped), block("<p/>")].concat());
    let (answer, blocks) = read_with(&message, &limits);
    assert!(answer.is_ok());
    let over = Err(BlockFault::TooLarge { limit: 1000 });
    assert_eq!((&blocks[0].content, &blocks[1].content), (&over, &over));
    assert!(blocks[2].content.is_ok());
}

#[test]
fn one_endless_text_ends_the_reading() {
    let limits = MessageLimits { max_block_bytes: 1000, ..MessageLimits::default() };
    let endless = ["x".repeat(1001), format!("<![CDATA[{}]]>", "x".repeat(1000))];
    for content in endless {
        let (answer, _) = read_with(&poll("", &block(&content)), &limits);
        let error = answer.unwrap_err().to_string();
        let wanted = "expected a text of a content block of at most 1000 bytes, got more";
        assert!(error.starts_with(wanted), "{error}");
    }
    let (answer, _) = read_with(&poll("", &block(&"x".repeat(1000))), &limits);
    assert!(answer.is_ok());
}

#[test]
fn a_large_frame_ends_the_reading() {
    let limits = MessageLimits { max_frame_bytes: 2000, ..MessageLimits::default() };
    let long = format!("<Message>{}</Message>", "x".repeat(2000));
    let many = "<Message/>".repeat(100);
    for children in [long, many] {
        let (answer, _) = read_with(&poll("", &children), &limits);
        let error = answer.unwrap_err().to_string();
        assert!(error.starts_with("expected a message's frame of at most 2000 bytes"), "{error}");
    }
    // Blocks and the space between them do not count.
    let (answer, blocks) = read_with(&poll("", &(block("<p/>") + "\n  ").repeat(100)), &limits);
    assert_eq!((answer.is_ok(), blocks.len()), (true, 100));
}

#[test]
fn depth_blocks_and_namespaces_are_limited() {
    let limits = MessageLimits { max_depth: 8, max_blocks: 3, ..MessageLimits::default() };
    let nested = |depth| poll("", &block(&("<a>".repeat(depth) + &"</a>".repeat(depth))));
    assert!(read_with(&nested(5), &limits).0.is_ok());
    let error = read_with(&nested(6), &limits).0.unwrap_err().to_string();
    assert!(error.starts_with("expected elements nested at most 8 deep"), "{error}");
    let foreign = format!("<f xmlns=\"urn:f\">{}", "<a>".repeat(10));
    let error = read_with(&poll("", &foreign), &limits).0.unwrap_err().to_string();
    assert!(error.starts_with("expected elements nested at most 8 deep"), "{error}");

    assert!(read_with(&poll("", &block("x").repeat(3)), &limits).0.is_ok());
    let (answer, blocks) = read_with(&poll("", &block("x").repeat(4)), &limits);
    let error = answer.unwrap_err().to_string();
    assert!(error.starts_with("expected at most 3 content blocks"), "{error}");
    assert_eq!(blocks.len(), 3);

    let declared: String = (0..300).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
    let error = fault(&poll(&declared, ""));
    assert!(error.starts_with("expected at most 128 namespaces in scope"), "{error}");
}
