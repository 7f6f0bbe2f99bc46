//! `threatsieve scan`: matches logs against a blacklist.

use std::io::{self, IsTerminal, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{anyhow, bail};
use threatsieve_blacklist::{EntryType, Role};
use threatsieve_log::{Fields, Format};

use crate::cli::{Output, ScanArgs};
use crate::exit::{Exit, Failure};
use crate::indicators::{Prepared, prepare};
use crate::matching::Matcher;
use crate::output::{Done, Printer, Progress, Summary, complain};
use crate::pipeline::{Cut, Intake, Log, Pipeline};
use crate::sources::{self, Chunks, Unreadable, Waiting, Walk};
use crate::text::grouped;

/// Matches the logs that the arguments name.
pub(crate) fn scan_files(args: &ScanArgs) -> Result<Exit, Failure> {
    let start = Instant::now();
    let files = files(args)?;
    let threads =
        args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let Prepared { blacklist, rejections, doubts, suffixes_made_exact } =
        prepare(&args.feeds, &args.blacklist, &mut |_, _| {})?;
    let matcher = Matcher::new(blacklist, args.policy.policy(), threads)?;
    let done = Arc::new(Done::default());
    let (printer, read) = scan(args, &files, &matcher, threads, &done)?;
    if printer.wants_summary() {
        Summary {
            tally: printer.tally(),
            files: read.files,
            bytes: done.bytes.load(Ordering::Relaxed),
            elapsed: start.elapsed(),
            skipped: read.skipped,
            listed_urls: u64::from(matcher.blacklist().count(Role::Block, EntryType::Url)),
            rejections: &rejections,
            suffixes_made_exact,
        }
        .print();
    }
    let tally = printer.tally();
    // The highest code wins: damage is worse than a missing file, and that is worse than a match.
    let ends = [
        (args.exit_code && tally.events > 0, Exit::Matched),
        (read.missing, Exit::Usage),
        (
            read.damaged || tally.unchecked.count + tally.cut.count > 0 || !doubts.is_empty(),
            Exit::Damaged,
        ),
    ];
    Ok(ends.into_iter().filter_map(|(is, exit)| is.then_some(exit)).max().unwrap_or(Exit::Done))
}

/// Reads, matches and prints in parallel.
fn scan(
    args: &ScanArgs,
    files: &[PathBuf],
    matcher: &Matcher,
    threads: usize,
    done: &Arc<Done>,
) -> anyhow::Result<(Printer, Read)> {
    let asked = args.output.report();
    let stop = Arc::new(AtomicBool::new(false));
    let mut printer = Printer::new(asked, asked == Output::Quiet && args.exit_code)?;
    let render = printer.render();
    let times = args.policy.times();
    let progress = Progress::start(
        done,
        matches!(asked, Output::Table | Output::Json | Output::FilesWithMatches),
    );
    let pipeline = Pipeline { matcher, times, threads, done, stop: &stop };
    let (format, fields) = (args.format(), args.fields());
    let mut inputs = Inputs { format, fields, stop: Arc::clone(&stop), read: Read::default() };
    pipeline.run(render, |intake| inputs.read_all(files, intake), |report| printer.print(report));
    let read = inputs.read;
    drop(progress);
    printer.finish()?;
    Ok((printer, read))
}

/// Counts and problems of reading.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    /// Logs opened.
    files: u64,
    /// Entries of folders that were not read.
    skipped: u64,
    /// An argument names a file that does not exist.
    missing: bool,
    /// An input could not be read, or not to its end.
    damaged: bool,
}

/// The inputs that the arguments name.
struct Inputs {
    /// `None` to detect each log's format by its first lines.
    format: Option<Format>,
    fields: Fields,
    stop: Arc<AtomicBool>,
    read: Read,
}

impl Inputs {
    /// Reads all inputs that the arguments name. An input that cannot be read is reported and
    /// skipped.
    fn read_all(&mut self, arguments: &[PathBuf], intake: &mut Intake<'_, '_>) {
        let mut walk = Walk::new(arguments);
        for input in walk.by_ref() {
            let input = match input {
                Ok(input) => input,
                Err(unreadable) => {
                    match unreadable {
                        Unreadable::Missing { .. } => self.read.missing = true,
                        Unreadable::Closed { .. } => self.read.damaged = true,
                    }
                    complain(&anyhow!(unreadable));
                    continue;
                }
            };
            let name = input.name();
            let opened = sources::open(&input, Waiting::Announced(Arc::clone(&self.stop)));
            let decoder = match opened {
                Ok(decoder) => decoder,
                Err(damage) => {
                    self.failed(&anyhow!(damage).context(name));
                    continue;
                }
            };
            self.read.files += 1;
            let log = Log {
                name: &name,
                chunks: Chunks::new(decoder.take(u64::MAX)),
                format: self.format,
                detected: None,
                fields: &self.fields,
                header: &[],
                takes_partial: true,
            };
            match intake.read(log, None) {
                Cut::Whole => {}
                Cut::Damaged { damage, lines } => {
                    let before = format!(
                        "{name}: the {} lines before this were matched, nothing after it",
                        grouped(lines)
                    );
                    self.failed(&anyhow!(damage).context(before));
                }
                Cut::Stopped => break,
            }
        }
        self.read.skipped = walk.skipped;
    }

    fn failed(&mut self, error: &anyhow::Error) {
        self.read.damaged = true;
        complain(error);
    }
}

/// The inputs to read; standard input if none is named.
fn files(args: &ScanArgs) -> anyhow::Result<Vec<PathBuf>> {
    let stdin = PathBuf::from("-");
    let files = if args.files.is_empty() {
        if io::stdin().is_terminal() {
            bail!(
                "expected log files, folders, or `-` for standard input; see threatsieve scan --help"
            );
        }
        vec![stdin.clone()]
    } else {
        args.files.clone()
    };
    if files.iter().chain(args.feeds.paths()).filter(|path| **path == stdin).count() > 1 {
        bail!("standard input can be read only once: `-` may be given for one file only");
    }
    Ok(files)
}
