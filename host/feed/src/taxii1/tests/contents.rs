//! The contents of blocks, in every form that servers use.

use super::*;

fn xml(text: &str) -> Result<Content, BlockFault> {
    Ok(Content::Xml(text.to_owned()))
}

fn text(text: &str) -> Result<Content, BlockFault> {
    Ok(Content::Text(text.to_owned()))
}

#[test]
fn nested_xml_is_kept_as_received_with_the_namespaces_around_it() {
    let content = "\n  <s:Package xmlns:s=\"urn:s\" a='1 &lt; 2'><s:A/><!-- no --><b>x &amp; \
                   &#65;</b><![CDATA[<c>]]></s:Package>\n";
    let wanted = format!(
        "<s:Package xmlns:s=\"urn:s\" a='1 &lt; 2' {NS11}><s:A></s:A><b>x &amp; \
         &#65;</b><![CDATA[<c>]]></s:Package>"
    );
    assert_eq!(contents(&poll("", &block(content))), [xml(&wanted)]);
}

#[test]
fn prefixes_declared_on_the_message_reach_the_content() {
    let message = format!(
        "<t:Poll_Response xmlns:t=\"{}\" xmlns:s='urn:\"s\"' xmlns:u=\"urn:u\" \
         collection_name=\"c\"><t:Content_Block><t:Content xmlns:v=\"urn:v\">\
         <s:P xmlns:u=\"urn:own\" u:a=\"1\"/></t:Content></t:Content_Block>\
         <t:Content_Block><t:Content><s:Q/></t:Content></t:Content_Block></t:Poll_Response>",
        Version::V11.namespace()
    );
    let around = format!("xmlns:t=\"{}\" xmlns:s=\"urn:&quot;s&quot;\"", Version::V11.namespace());
    assert_eq!(
        contents(&message),
        [
            xml(&format!("<s:P xmlns:u=\"urn:own\" u:a=\"1\" {around} xmlns:v=\"urn:v\"></s:P>")),
            xml(&format!("<s:Q {around} xmlns:u=\"urn:u\"></s:Q>")),
        ]
    );
}

#[test]
fn escaped_and_cdata_content_is_text_that_starts_with_its_declaration() {
    let escaped = "\n &lt;?xml version=&quot;1.0&quot;?&gt;&lt;p a=&apos;&amp;amp;&apos;/&gt; ";
    let cdata = "\n<![CDATA[<?xml version=\"1.0\"?><!DOCTYPE p [<!ENTITY a \"b\">]><p/>]]>\n";
    let split = "<![CDATA[<p>]]]]><![CDATA[></p>]]>";
    let blocks = [escaped, cdata, split].map(block).concat();
    assert_eq!(
        contents(&poll("", &blocks)),
        [
            text("<?xml version=\"1.0\"?><p a='&amp;'/>"),
            text("<?xml version=\"1.0\"?><!DOCTYPE p [<!ENTITY a \"b\">]><p/>"),
            text("<p>]]></p>"),
        ]
    );
}

#[test]
fn hexadecimal_content_is_decoded_if_it_is_xml() {
    let blocks = ["\n3c702f3E\n", "efbbbf3c702f3e", "deadbeef", "3c702f3", "6162"];
    assert_eq!(
        contents(&poll("", &blocks.map(block).concat())),
        [text("<p/>"), text("<p/>"), text("deadbeef"), text("3c702f3"), text("6162")]
    );
}

#[test]
fn a_declaration_that_a_server_pasted_into_the_message_is_dropped() {
    let message = poll("", &block("<?xml version=\"1.0\"?><p xmlns=\"urn:p\"/>"));
    assert_eq!(contents(&message), [xml("<p xmlns=\"urn:p\"></p>")]);
}

#[test]
fn unusable_contents_do_not_affect_the_other_blocks() {
    let encrypted = "<Content_Block><Content_Binding binding_id=\"application/x-pkcs7-mime\"/>\
                     <Content>AAAA</Content></Content_Block>";
    let blocks = [
        block(" "),
        block("<a/><b/>"),
        block("<a/>text"),
        "<Content_Block/>".to_owned(),
        encrypted.to_owned(),
        block("good"),
    ];
    let (_, blocks) = read(&poll("", &blocks.concat()));
    assert_eq!(blocks.iter().map(|block| block.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let contents: Vec<_> = blocks.into_iter().map(|block| block.content).collect();
    let binding = "application/x-pkcs7-mime".to_owned();
    assert_eq!(
        contents,
        [
            Err(BlockFault::Empty),
            Err(BlockFault::Mixed),
            Err(BlockFault::Mixed),
            Err(BlockFault::Empty),
            Err(BlockFault::Encrypted { binding }),
            text("good"),
        ]
    );
}

#[test]
fn a_block_has_a_binding_a_label_and_a_message() {
    let frame = "<Content_Block><Content_Binding binding_id=\"urn:b\">\
                 <Subtype subtype_id=\"urn:t\"/></Content_Binding><Content>x</Content>\
                 <Timestamp_Label>1970-01-01T00:00:01Z</Timestamp_Label><Message> m </Message>\
                 <Padding>pppp<p/></Padding><Signature xmlns=\"urn:d\"><S/></Signature>\
                 </Content_Block>";
    let damaged = "<Content_Block><Content>y</Content><Timestamp_Label>soon</Timestamp_Label>\
                   </Content_Block>";
    let (_, blocks) = read(&poll("", &format!("{frame}{damaged}")));
    let first = Block {
        number: 1,
        binding: Some("urn:b".to_owned()),
        subtype: Some("urn:t".to_owned()),
        content: text("x"),
        label: Some(threatsieve_blacklist::Timestamp(1_000_000)),
        message: Some("m".to_owned()),
    };
    let second = Block {
        number: 2,
        binding: None,
        subtype: None,
        content: text("y"),
        label: None,
        message: None,
    };
    assert_eq!(blocks, [first, second]);
}

#[test]
fn version_10_has_the_binding_in_the_text() {
    let message = format!(
        "<Poll_Response {NS10} message_id=\"2\" in_response_to=\"1\" feed_name=\"f\">\
         <Inclusive_End_Timestamp>1970-01-01T00:00:00Z</Inclusive_End_Timestamp><Content_Block>\
         <Content_Binding> urn:b </Content_Binding><Content>x</Content></Content_Block>\
         </Poll_Response>"
    );
    let (answer, blocks) = read(&message);
    assert_eq!((answer.version, blocks[0].binding.as_deref()), (Version::V10, Some("urn:b")));
}
