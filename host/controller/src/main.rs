//! The `threatsieve` program: flags log events that touch known-bad domains, addresses, URLs and files.
//!
//! [`cli`] says what can be asked for, [`jobs`] does it, a module each. A scan flows through [`sources`] (files to pieces of lines, on all
//! cores and in order), [`pipeline`] (lines to events with matches, by the component in [`matching`]) and [`output`]; [`indicators`]
//! makes the blacklist before. [`explain`] tells why one value matches or does not.

mod alerts;
mod cli;
mod cluster;
mod conditions;
mod config;
mod exit;
mod explain;
mod feeds;
mod follow;
mod indicators;
mod jobs;
mod limited;
mod logging;
mod mappings;
mod matching;
mod network;
mod output;
mod pipeline;
mod publish;
mod rounds;
#[cfg(test)]
mod seed;
mod sinks;
mod sources;
mod status;
mod stop;
mod store;
mod text;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, ConfigVerb, OpenSearchVerb, Verb};

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Scan(args) => jobs::scan_files(&args),
        Verb::Build(args) => jobs::build_blacklist(&args),
        Verb::Explain(args) => jobs::explain_value(&args),
        Verb::Poll(args) => jobs::poll_round(&args),
        Verb::Run(args) => jobs::run_rounds(&args),
        Verb::Status(args) => jobs::show_status(&args),
        Verb::Feeds(args) => jobs::list_feeds(&args),
        Verb::Indicators(args) => jobs::list_indicators(&args),
        Verb::Retract(args) => jobs::retract_indicator(&args),
        Verb::Mute(args) => jobs::mute_alerts(&args),
        Verb::Push(args) => jobs::push_blacklist(&args),
        Verb::OpenSearch(args) => match args.verb {
            OpenSearchVerb::Check { config, index, flag_field, json } => {
                jobs::check_opensearch(&config.path(), &index, &flag_field, json)
            }
            OpenSearchVerb::Template { config, put } => {
                jobs::component_template(put.then(|| config.path()).as_deref())
            }
        },
        Verb::Config(args) => match args.verb {
            ConfigVerb::Check { config, offline } => jobs::check_config(&config.path(), offline),
            ConfigVerb::Show { config } => jobs::show_config(&config.path()),
        },
        Verb::Reference => jobs::write_reference(),
        Verb::Completions { shell } => jobs::write_completions(shell),
        Verb::Man { folder } => jobs::write_manual(&folder),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure.error);
            failure.exit.into()
        }
    }
}
