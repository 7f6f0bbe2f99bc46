//! Merges blacklists, so that one matcher looks up in all of them, and the allow-list of one
//! applies to the others.

use threatsieve_blacklist::{
    Blacklist, CompileError, CompileOptions, Compiled, Compiler, Conjunction, ConjunctionPart,
    DomainMode, Entry, EntryType, Indicator, IndicatorView, Malformed, Role, Value,
};
use threatsieve_runner::MemoryFile;

/// Compiles the entries of all blacklists, with the name and generation of the first. Each entry
/// was admitted when its blacklist was made, so it is admitted again.
pub(crate) fn merge(blacklists: &[&Blacklist<MemoryFile>]) -> anyhow::Result<Compiled> {
    let mut compiler = Compiler::new(CompileOptions {
        name: blacklists[0].name().to_owned(),
        generation: blacklists[0].generation(),
        accept_special: true,
        accept_broad: true,
    })?;
    for blacklist in blacklists {
        let count = Role::ALL.iter().map(|role| blacklist.entries(*role)).sum::<u64>();
        for number in 0..u32::try_from(count)? {
            if let Some(entry) = blacklist.entry(number) {
                add_entry(&mut compiler, entry)?;
            }
        }
        for conjunction in blacklist.all_conjunctions() {
            add_conjunction(&mut compiler, conjunction.entries())?;
        }
    }
    Ok(compiler.finish()?)
}

/// Adds an entry with all its indicators.
pub(super) fn add_entry(compiler: &mut Compiler, entry: Entry) -> anyhow::Result<()> {
    for view in entry.indicators {
        let value = value(entry.kind, &entry.value, &view)?;
        list(compiler, entry.role, value, view)?;
    }
    Ok(())
}

/// Adds a conjunction of these parts.
fn add_conjunction(compiler: &mut Compiler, entries: Vec<Entry>) -> anyhow::Result<()> {
    let mut parts = Vec::with_capacity(entries.len());
    let mut said = None;
    for mut entry in entries {
        let Some(view) = entry.indicators.pop() else { continue };
        parts.push(match entry.kind {
            EntryType::FileName => ConjunctionPart::FileName(entry.value.into()),
            kind => ConjunctionPart::Value(value(kind, &entry.value, &view)?),
        });
        said = Some(view);
    }
    if let Some(view) = said {
        list(compiler, Role::Block, Value::All(Conjunction::new(parts)?), view)?;
    }
    Ok(())
}

fn list(
    compiler: &mut Compiler,
    role: Role,
    value: Value,
    view: IndicatorView,
) -> Result<(), CompileError> {
    let feed = compiler.feed(&view.feed)?;
    let indicator = Indicator {
        id: view.id,
        confidence: view.confidence,
        tlp: view.tlp,
        valid_from: view.valid_from,
        valid_until: view.valid_until,
        modified: view.modified,
        name: view.name,
        types: view.types,
        threats: view.threats,
        port: view.port,
        values: vec![value],
    };
    match role {
        Role::Block => compiler.block(feed, indicator, &mut |_| {}),
        Role::Allow => compiler.allow(feed, indicator, &mut |_| {}),
    }
}

/// An entry's value, in the mode that one of its indicators gives it.
fn value(kind: EntryType, text: &str, view: &IndicatorView) -> Result<Value, Malformed> {
    match kind {
        EntryType::Domain => Value::domain(
            text,
            // An entry that covers everything below a public suffix was admitted explicitly.
            if view.mode == DomainMode::AtAndBelow { DomainMode::Tree } else { view.mode },
        ),
        EntryType::Ipv4 | EntryType::Ipv6 => Value::address(text),
        EntryType::Url => Value::url(text, view.url_mode),
        EntryType::Md5 | EntryType::Sha1 | EntryType::Sha256 => Value::hash(text),
        // The name of a file is not an entry.
        EntryType::Email | EntryType::FileName => Value::email(text),
    }
}
