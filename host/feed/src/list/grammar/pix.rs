//! Access lists of Cisco's firewalls: `access-list NAME deny ip host ADDRESS any`, or an address
//! with a netmask.

use threatsieve_blacklist::DomainMode;

use super::super::Sink;
use super::{OTHER_SETTING, take};

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(deny) = words.iter().position(|word| *word == "deny") else {
        return sink.skip(OTHER_SETTING);
    };
    // The protocol comes first, then the source and the destination.
    let mut rest = words.get(deny + 2..).unwrap_or_default();
    let mut addresses = Vec::new();
    while let [first, after @ ..] = rest {
        rest = match (*first, after) {
            ("host", [address, after @ ..]) => {
                addresses.push((*address).to_owned());
                after
            }
            ("any" | "any4" | "any6" | "log", after) => after,
            (address, [mask, after @ ..]) if address.contains('.') => {
                addresses.push(format!("{address}/{mask}"));
                after
            }
            (_, after) => after,
        };
    }
    match &addresses[..] {
        [address] => take(address, DomainMode::Exact, number, sink),
        _ => sink.skip(OTHER_SETTING),
    }
}
