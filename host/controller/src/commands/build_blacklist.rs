//! `threatsieve build`: compiles lists and feeds into a file.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};

use crate::cli::BuildArgs;
use crate::exit::{Exit, Failure};
use crate::indicators::{Identity, Loaded, load, read_sign_key};
use crate::output::{BuildReport, Sink, note};
use crate::rejection::Rejection;
use crate::sources::AtomicFile;
use crate::text::escape_controls;

/// The header line of the file of rejections.
const REJECTED_HEAD: &str = "feed\tid\tvalue\treason\n";

/// Builds the blacklist that the arguments describe.
pub(crate) fn build_blacklist(args: &BuildArgs) -> Result<Exit, Failure> {
    let start = Instant::now();
    if !args.feeds.names_indicators() {
        return Err(
            anyhow!("nothing to build from: name a list (--list) or a feed (--feed)").into()
        );
    }
    check_targets(args)?;
    let key = args.sign_key.as_deref().map(read_sign_key).transpose()?;
    let mut rejected = args.rejected.as_deref().map(Rejected::create).transpose()?;
    let identity = Identity { name: args.name.clone(), generation: args.generation };
    let loaded = load(&args.feeds, identity, &mut |feed, rejection| {
        if let Some(rejected) = &mut rejected {
            rejected.write(feed, rejection);
        }
    });
    let Loaded { mut compiled, rejections, doubts } = loaded?;
    if let Some(key) = &key {
        compiled.sign(key);
    }
    let mut target = AtomicFile::create(&args.output)?;
    target.write_all(compiled.bytes()).and_then(|()| target.finish()).with_context(|| {
        format!(
            "{}: the blacklist cannot be written; the previous file is unchanged",
            args.output.display()
        )
    })?;
    if let Some(rejected) = rejected {
        rejected.finish()?;
    }
    let report = BuildReport {
        file: &args.output,
        name: &args.name,
        generation: args.generation,
        signed: key.is_some(),
        summary: compiled.summary(),
        rejections: &rejections,
        elapsed: start.elapsed(),
    };
    Sink::stdout()?.write(if args.json { report.json() } else { report.text() }.as_bytes())?;
    if compiled.summary().blocked() == 0 {
        note(
            "warning: the blacklist is empty, so nothing will match; the summary above and \
             --rejected FILE show what was rejected",
        );
    }
    for doubt in &doubts {
        note(&format!("warning: {doubt}"));
    }
    Ok(if doubts.is_empty() { Exit::Done } else { Exit::Damaged })
}

/// Refuses to overwrite an input, and to write two outputs to one file.
fn check_targets(args: &BuildArgs) -> anyhow::Result<()> {
    let targets = [Some(&args.output), args.rejected.as_ref()];
    for target in targets.into_iter().flatten() {
        // Only regular files are replaced.
        let Ok(target) =
            target.canonicalize().and_then(|path| path.metadata().map(|metadata| (path, metadata)))
        else {
            continue;
        };
        let inputs = args.feeds.paths().chain(&args.sign_key);
        if target.1.is_file()
            && inputs
                .into_iter()
                .any(|input| input.canonicalize().is_ok_and(|input| input == target.0))
        {
            bail!("{}: is an input, and would be overwritten", target.0.display());
        }
    }
    if args.rejected.as_ref() == Some(&args.output) {
        bail!("{}: cannot hold both the blacklist and the rejections", args.output.display());
    }
    Ok(())
}

/// The file that lists rejections.
struct Rejected {
    name: String,
    file: BufWriter<AtomicFile>,
    /// The first write that failed; reported at the end.
    result: io::Result<()>,
}

impl Rejected {
    fn create(path: &Path) -> anyhow::Result<Rejected> {
        let mut file = BufWriter::new(AtomicFile::create(path)?);
        let result = file.write_all(REJECTED_HEAD.as_bytes());
        Ok(Rejected { name: path.display().to_string(), file, result })
    }

    fn write(&mut self, feed: &str, rejection: &Rejection) {
        if self.result.is_ok() {
            let fields: [&str; 4] = [feed, &rejection.id, &rejection.value, &rejection.reason];
            let row = fields.map(one_field).join("\t");
            self.result = writeln!(self.file, "{row}");
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        let Rejected { name, file, result } = self;
        result
            .and_then(|()| file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(AtomicFile::finish)
            .with_context(|| format!("{name}: the rejections cannot be written"))
    }
}

/// Escapes the characters that would end a field. An empty text becomes `-`.
fn one_field(text: &str) -> String {
    let clean: String = escape_controls(text).into_owned();
    if clean.is_empty() { "-".to_owned() } else { clean }
}
