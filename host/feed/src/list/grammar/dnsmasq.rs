//! Configurations of dnsmasq: `address=/NAME/ADDRESS`, `server=/NAME/` and `local=/NAME/`.

use threatsieve_blacklist::DomainMode;

use super::super::Sink;
use super::{OTHER_SETTING, leads_nowhere, take};

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    let setting = line.split_once('=').and_then(|(key, rest)| {
        let names = rest.trim().strip_prefix('/')?;
        let (names, target) = names.rsplit_once('/')?;
        let target = target.split(" #").next().unwrap_or(target).trim();
        Some((key.trim().trim_start_matches("--"), names, target))
    });
    let is_blocked = match setting {
        Some(("address", _, target)) => target.is_empty() || target == "#" || leads_nowhere(target),
        // Only names that are answered by nobody are blocked. Others are forwarded.
        Some(("server" | "local", _, target)) => target.is_empty(),
        _ => false,
    };
    let Some((_, names, _)) = setting.filter(|_| is_blocked) else {
        return sink.skip(OTHER_SETTING);
    };
    for name in names.split('/') {
        match name.strip_prefix("*.") {
            Some(name) => take(name, DomainMode::Below, number, sink),
            None if matches!(name, "" | "#") => sink.skip(OTHER_SETTING),
            None => take(name.trim_start_matches('.'), DomainMode::Tree, number, sink),
        }
    }
}
