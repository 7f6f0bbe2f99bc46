//! The command line.

mod build;
mod explain;
mod indicators;
mod misp;
mod opensearch;
mod scan;
mod service;
mod values;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use build::BuildArgs;
pub(crate) use explain::ExplainArgs;
pub(crate) use indicators::{BlacklistArgs, FeedArgs, PolicyArgs};
pub(crate) use misp::{MispArgs, MispVerb};
pub(crate) use opensearch::{BackfillArgs, BackfillWay, OpenSearchArgs, OpenSearchVerb, PushArgs};
pub(crate) use scan::{Output, ScanArgs};
pub(crate) use service::{
    ConfigArgs, ConfigVerb, ConfigVerbArgs, FeedManifestArgs, FeedPushArgs, FeedTestArgs,
    FeedsArgs, FeedsVerb, ImportArgs, IndicatorState, IndicatorsArgs, MuteArgs, MuteEnd,
    MuteTarget, MuteVerb, PackagesArgs, PollArgs, RetractArgs, RunArgs, StatusArgs,
};

const AFTER: &str = "\
Exit codes: 0 done; 1 with --exit-code, when something matched; 2 wrong usage or configuration, a
FILE that does not exist (the others are read), or a failure of this machine; 3 a remote side
failed, or something is held back until an operator decides; 4 an input or the state was damaged,
unreadable or not checked in full. If several apply, the highest code is returned.

Example: flag the lines of a Squid log that touch a listed domain
  threatsieve scan --list bad-domains.txt /var/log/squid/access.log";

/// Flags log events that touch known-bad domains, addresses, URLs and files.
#[derive(Debug, Parser)]
#[command(name = "threatsieve", version, after_help = AFTER, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Scan(ScanArgs),
    Build(BuildArgs),
    Explain(ExplainArgs),
    Poll(PollArgs),
    Run(RunArgs),
    Status(StatusArgs),
    Feeds(FeedsArgs),
    Indicators(IndicatorsArgs),
    Retract(RetractArgs),
    Mute(MuteArgs),
    Misp(MispArgs),
    Push(PushArgs),
    Backfill(BackfillArgs),
    #[command(name = "opensearch")]
    OpenSearch(OpenSearchArgs),
    Config(ConfigVerbArgs),
    /// Print the reference of settings and commands, in Markdown
    #[command(hide = true, after_help = "Example:\n  threatsieve reference > docs/reference.md")]
    Reference,
    /// Print a shell's completions
    #[command(
        hide = true,
        after_help = "Example:\n  threatsieve completions bash > /etc/bash_completion.d/threatsieve"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true, after_help = "Example:\n  threatsieve man /usr/local/share/man/man1")]
    Man {
        /// The folder, which must exist
        folder: std::path::PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_verb_has_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands_mut() {
            let help = verb.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", verb.get_name());
        }
    }
}
