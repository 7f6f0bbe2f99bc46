//! `threatsieve config import`: takes over the settings of the service that this program
//! supersedes, and the packages that it has sent.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use super::configured::RoundLock;
use crate::cli::ImportArgs;
use crate::config::Secret;
use crate::exit::{Exit, Failure};
use crate::import::{self, Import, MISP, Places, SERVER_TOKEN};
use crate::limited::read_limited;
use crate::output::{Sink, note};
use crate::sources::AtomicFile;
use crate::store::{Store, private};
use crate::text::counted;

/// Longest file that is compared with what is to be written.
const MAX_COMPARED_BYTES: u64 = 1024 * 1024;

/// Writes the configuration, the secrets and the state. Without a file for the configuration, it is
/// printed, and only what is asked for is written.
pub(crate) fn import_config(args: &ImportArgs) -> Result<Exit, Failure> {
    let output = args.output.as_deref();
    // Paths in a configuration start from its folder.
    let home = output.map(|path| path.parent().unwrap_or(Path::new("")).to_owned());
    let secrets = place(args.secrets.as_deref(), home.as_deref(), "")?;
    let state = place(args.state.as_deref(), home.as_deref(), "state")?;
    let import =
        import::import(&args.folder, &Places { secrets: &secrets.named, state: &state.named })?;
    let new = new_secrets(&import, secrets.path.as_deref())?;
    if !args.force {
        refuse_others(&import, output, &new)?;
    }
    for (path, secret) in &new {
        write_secret(path, secret)?;
    }
    let counted_as_sent = match &state.path {
        Some(state) => store_tracked(&import, state)?,
        None => None,
    };
    match output {
        Some(path) => write(path, import.text.as_bytes(), AtomicFile::create(path)?)?,
        None => Sink::stdout()?.write(import.text.as_bytes())?,
    }
    report(&import, &new, counted_as_sent, output, secrets.path.is_some());
    Ok(if import.findings.missing.is_empty() { Exit::Done } else { Exit::Damaged })
}

/// A place that the configuration names.
struct Place {
    /// As the configuration names it.
    named: PathBuf,
    /// `None` if nothing is written there.
    path: Option<PathBuf>,
}

/// Returns a place: the one that is asked for, or the usual one next to the configuration.
fn place(asked: Option<&Path>, home: Option<&Path>, usual: &str) -> anyhow::Result<Place> {
    Ok(match (asked, home) {
        (Some(asked), _) => {
            let path = std::path::absolute(asked)?;
            Place { named: path.clone(), path: Some(path) }
        }
        (None, Some(home)) => Place { named: usual.into(), path: Some(home.join(usual)) },
        (None, None) => Place { named: usual.into(), path: None },
    })
}

/// Returns the secrets to write, with their paths. A token of an earlier import stays.
fn new_secrets<'i>(
    import: &'i Import,
    folder: Option<&Path>,
) -> anyhow::Result<Vec<(PathBuf, &'i Secret)>> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (name, secret) in &import.secrets {
        let path = folder.join(name);
        if *name == SERVER_TOKEN && path.try_exists()? {
            continue;
        }
        all.push((path, secret));
    }
    Ok(all)
}

/// Fails if a file is there with another content than the one to be written.
fn refuse_others(
    import: &Import,
    output: Option<&Path>,
    secrets: &[(PathBuf, &Secret)],
) -> anyhow::Result<()> {
    let all = secrets.iter().map(|(path, secret)| (path.as_path(), secret.expose()));
    for (path, content) in all.chain(output.map(|path| (path, import.text.as_str()))) {
        let there = match File::open(path) {
            Ok(file) if file.metadata()?.is_file() => read_limited(file, MAX_COMPARED_BYTES)?,
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        ensure!(
            there.is_some_and(|there| there == content.as_bytes()),
            "{}: expected a new file, got one with another content; `--force` replaces it",
            path.display()
        );
    }
    Ok(())
}

fn write_secret(path: &Path, secret: &Secret) -> anyhow::Result<()> {
    // A replaced file keeps its mode.
    match fs::set_permissions(path, Permissions::from_mode(private::FILE_MODE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| path.display().to_string());
        }
        _ => {}
    }
    write(path, secret.expose().as_bytes(), AtomicFile::create_private(path)?)
}

fn write(path: &Path, content: &[u8], mut file: AtomicFile) -> anyhow::Result<()> {
    file.write_all(content)
        .and_then(|()| file.finish())
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// Stores the packages that the service has sent. Returns how many are new to the state.
fn store_tracked(import: &Import, state: &Path) -> anyhow::Result<Option<u64>> {
    let Some(tracked) = &import.tracked else { return Ok(None) };
    let _lock = RoundLock::take(state)?
        .ok_or_else(|| anyhow!("{}: another threatsieve works on this state", state.display()))?;
    let mut store = Store::open(state)?;
    Ok(Some(store.import_misp_packages(MISP, &import.feed, &tracked.0)?))
}

fn report(
    import: &Import,
    written: &[(PathBuf, &Secret)],
    new: Option<u64>,
    output: Option<&Path>,
    has_secrets: bool,
) {
    let findings = &import.findings;
    for path in &findings.read {
        note(&format!("read {}", path.display()));
    }
    note(&format!("{} used", counted(findings.used as u64, "property is", "properties are")));
    for (key, why) in &findings.unused {
        note(&format!("no equivalent: {key}: {why}"));
    }
    if let Some(tracked) = &import.tracked {
        let all =
            counted(tracked.0.len() as u64, "tracked package counts", "tracked packages count");
        let looked_up = counted(tracked.without_event() as u64, "package has", "packages have");
        let stored = match new {
            Some(new) => format!("{} new in the state", counted(new, "is", "are")),
            None => "not stored: name a file with --output, or a folder with --state".to_owned(),
        };
        note(&format!(
            "{all} as sent ({stored}); {looked_up} no event, and will be looked up in MISP first"
        ));
    }
    if !has_secrets && !import.secrets.is_empty() {
        note("no secret was written: name a file with --output, or a folder with --secrets");
    }
    for missing in &findings.missing {
        note(&format!("missing: {missing}"));
    }
    for to_do in &findings.to_do {
        note(&format!("to do: {to_do}"));
    }
    for (path, _) in written {
        note(&format!("wrote {}", path.display()));
    }
    if let Some(path) = output {
        let shown = path.display();
        note(&format!("wrote {shown}; next: threatsieve config check --config {shown}"));
    }
}
