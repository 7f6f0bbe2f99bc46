//! FortiGate's logs: pairs of `key=value`, with quotes around text.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use threatsieve_blacklist::observable::Kind;

use super::record::{
    ACTION, Clock, Column, DESTINATION_IP, DESTINATION_NAT_IP, FORWARDED_IP, QUESTION,
    QUESTION_CLASS, QUESTION_TYPE, Record, SOURCE_IP, SOURCE_NAT_IP, SOURCE_PORT, USER_AGENT,
};
use crate::fields::{Group, Role};
use crate::format::Format;
use crate::malformed::MalformedLine;
use crate::split::{pairs, unescaped};

static DEVICE: Column = Column::text("observer.name");
static SERIAL: Column = Column::plain("observer.serial_number");
static LOG_ID: Column = Column::plain("event.code");
static USER: Column = Column::text("user.name");
static URL_HOST: Column = Column::new("url.domain", Role::UrlHost(Group::Ecs));
static URL: Column = Column::new("url.original", Role::UrlTarget(Group::Ecs));
static PORT: Column = Column::numbered("destination.port", Role::UrlPort(Group::Ecs));
static REFERRER: Column = Column::value("http.request.referrer", Kind::Url);
static RESOLVED: Column = Column::value("dns.resolved_ip", Kind::Address);
static FILE_NAME: Column = Column::value("file.name", Kind::FileName);
static FILE_HASH: Column = Column::value("file.hash.sha256", Kind::Hash);
static SENDER: Column = Column::value("email.from.address", Kind::Email);
static RECIPIENT: Column = Column::value("email.to.address", Kind::Email);
static SERVER_NAME: Column = Column::value("tls.client.server_name", Kind::Host);
static POLICY: Column = Column::plain("rule.id");
/// A value of a key that is not known.
static OTHER: Column = Column::text("message");

static LOG_IDS: LazyLock<[Finder<'_>; 2]> =
    LazyLock::new(|| [Finder::new(b"logid="), Finder::new(b"log_id=")]);

fn wrong(field: &'static str, expected: &'static str) -> MalformedLine {
    MalformedLine::Field { format: Format::Fortinet, position: 1, field, expected }
}

pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Result<(), MalformedLine> {
    // Every message has the number of its kind.
    if LOG_IDS.iter().all(|name| name.find(line).is_none()) {
        return Err(wrong("logid", "a pair `logid=...`"));
    }
    let (mut date, mut time, mut zone, mut epoch) = (&b""[..], &b""[..], &b""[..], &b""[..]);
    let (mut is_first, mut has_type) = (true, false);
    for (key, value) in pairs(line) {
        if std::mem::take(&mut is_first) && key.is_empty() {
            return Err(wrong("date", "pairs of `key=value`"));
        }
        match key {
            b"date" => date = value,
            b"time" => time = value,
            b"tz" => zone = value,
            b"eventtime" => epoch = value,
            b"type" => has_type = true,
            _ => record.push(column(key), unescaped(value)),
        }
    }
    if date.is_empty() || time.is_empty() || !has_type {
        return Err(wrong("date", "pairs with the keys date, time and type"));
    }
    record.clock = if !epoch.is_empty() && epoch.iter().all(u8::is_ascii_digit) {
        Clock::Epoch(epoch)
    } else {
        Clock::Iso([date, b" ", time, zone].concat().into())
    };
    Ok(())
}

fn column(key: &[u8]) -> &'static Column {
    match key {
        b"srcip" | b"remip" => &SOURCE_IP,
        b"srcport" => &SOURCE_PORT,
        b"dstip" => &DESTINATION_IP,
        b"dstport" => &PORT,
        b"transip" => &SOURCE_NAT_IP,
        b"tranip" => &DESTINATION_NAT_IP,
        b"forwardedfor" => &FORWARDED_IP,
        b"hostname" => &URL_HOST,
        b"url" => &URL,
        b"referralurl" => &REFERRER,
        b"agent" => &USER_AGENT,
        b"qname" => &QUESTION,
        b"qtype" => &QUESTION_TYPE,
        b"qclass" => &QUESTION_CLASS,
        b"ipaddr" => &RESOLVED,
        b"sni" => &SERVER_NAME,
        b"filename" => &FILE_NAME,
        b"filehash" | b"infectedfilehash" => &FILE_HASH,
        b"from" | b"sender" => &SENDER,
        b"to" | b"recipient" => &RECIPIENT,
        b"user" => &USER,
        b"action" => &ACTION,
        b"policyid" => &POLICY,
        b"devname" => &DEVICE,
        b"devid" => &SERIAL,
        b"logid" | b"log_id" => &LOG_ID,
        _ => &OTHER,
    }
}
