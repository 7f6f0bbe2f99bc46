//! `threatsieve scan`: match logs against a blacklist.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::bail;
use threatsieve_blacklist::{EntryType, Role};

use crate::cli::{Output, ScanArgs};
use crate::exit::{Exit, Failure};
use crate::indicators::{Prepared, prepare};
use crate::matching::{Matcher, Read, Reader, Worker};
use crate::output::{Done, Printer, Progress, Summary};
use crate::sources::in_order;

/// Matches what the arguments name.
pub(crate) fn scan_files(args: &ScanArgs) -> Result<Exit, Failure> {
    let start = Instant::now();
    let files = files(args)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let Prepared { blacklist, rejections, suffixes_made_exact } =
        prepare(&args.feeds, &args.blacklist, &mut |_| {})?;
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
    // The highest code wins: what was damaged counts for more than what was not there, and that for more than a match.
    let ends = [
        (args.exit_code && tally.events > 0, Exit::Matched),
        (read.missing, Exit::Usage),
        (read.damaged || tally.unchecked.count + tally.cut.count > 0, Exit::Damaged),
    ];
    Ok(ends.into_iter().filter_map(|(is, exit)| is.then_some(exit)).max().unwrap_or(Exit::Done))
}

/// Reads, matches and prints, all at once.
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
    let mut read = Read::default();
    let progress =
        Progress::start(done, matches!(asked, Output::Table | Output::Json | Output::FilesWithMatches));
    {
        let mut reader = Reader::new(args.format(), &args.field, Arc::clone(done), Arc::clone(&stop));
        let recycled = reader.recycled();
        in_order(
            threads,
            &stop,
            |queue| read = reader.read_all(files, queue),
            || {
                let mut worker = Worker::new(matcher, times, render);
                move |piece, parts: &_| worker.work(piece, parts)
            },
            |mut report| {
                done.lines.fetch_add(report.tally.lines, Ordering::Relaxed);
                done.matches.fetch_add(report.tally.events, Ordering::Relaxed);
                recycled.give(report.take_buffer());
                printer.print(report)
            },
        );
    }
    drop(progress);
    printer.finish()?;
    Ok((printer, read))
}

/// What is to be read; standard input unless something is named.
fn files(args: &ScanArgs) -> anyhow::Result<Vec<PathBuf>> {
    let stdin = PathBuf::from("-");
    let files = if args.files.is_empty() {
        if io::stdin().is_terminal() {
            bail!("expected log files, folders, or `-` for standard input; see threatsieve scan --help");
        }
        vec![stdin.clone()]
    } else {
        args.files.clone()
    };
    if files.iter().chain(args.feeds.paths()).filter(|path| **path == stdin).count() > 1 {
        bail!("standard input can be read once only: `-` stands for one file");
    }
    Ok(files)
}
