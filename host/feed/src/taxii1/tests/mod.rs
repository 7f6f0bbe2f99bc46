//! Tests of every message and every limit.

mod answers;
mod contents;
mod limits;
mod requests;
mod results;

use super::*;

const NS11: &str = "xmlns=\"http://taxii.mitre.org/messages/taxii_xml_binding-1.1\"";
const NS10: &str = "xmlns=\"http://taxii.mitre.org/messages/taxii_xml_binding-1\"";

/// Reads a message in one portion and byte by byte, and returns its answer and blocks.
fn read_with(text: &str, limits: &MessageLimits) -> (Result<Answer, MessageError>, Vec<Block>) {
    let read = |portion: usize| {
        let mut blocks = Vec::new();
        let input = std::io::BufReader::with_capacity(portion, text.as_bytes());
        (read_message(input, limits, &mut |block| blocks.push(block)), blocks)
    };
    let (whole, slow) = (read(1 << 20), read(1));
    assert_eq!(format!("{whole:?}"), format!("{slow:?}"), "the outcome depends on the portions");
    whole
}

fn read(text: &str) -> (Answer, Vec<Block>) {
    let (answer, blocks) = read_with(text, &MessageLimits::default());
    (answer.unwrap(), blocks)
}

fn fault(text: &str) -> String {
    read_with(text, &MessageLimits::default()).0.unwrap_err().to_string()
}

/// Returns a poll response with these attributes and children.
fn poll(attributes: &str, children: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Poll_Response {NS11} message_id=\"2\" \
         in_response_to=\"1\" collection_name=\"c\" {attributes}>{children}</Poll_Response>"
    )
}

/// Returns a block with this content.
fn block(content: &str) -> String {
    format!(
        "<Content_Block><Content_Binding binding_id=\"urn:stix.mitre.org:xml:1.1.1\"/>\
         <Content>{content}</Content></Content_Block>"
    )
}

fn contents(message: &str) -> Vec<Result<Content, BlockFault>> {
    read(message).1.into_iter().map(|block| block.content).collect()
}

fn poll_response(message: &str) -> PollResponse {
    match read(message).0.body {
        Body::Poll(response) => response,
        other => panic!("expected a poll response, got {other:?}"),
    }
}
