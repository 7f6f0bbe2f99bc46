//! Shell completions and manual pages, generated from the definition of the command line.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::output::Sink;

/// Prints a shell's completions.
pub(crate) fn write_completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "threatsieve", &mut script);
    Sink::stdout()?.write(&script)?;
    Ok(Exit::Done)
}

/// Writes `threatsieve.1` and a page for each command.
pub(crate) fn write_manual(folder: &Path) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Cli::command(), folder)
        .with_context(|| format!("{}: the manual pages cannot be written", folder.display()))?;
    Ok(Exit::Done)
}
