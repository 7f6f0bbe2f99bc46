//! The `threatsieve` program: flags log events that touch known-bad domains, addresses, URLs and
//! files.
//!
//! [`cli`] defines the command line, and [`commands`] has one module for each command. For a scan,
//! [`indicators`] makes the blacklist. Then [`sources`] cuts files into pieces of lines, on all
//! cores and in order. [`pipeline`] turns lines into events with matches, by the component in
//! [`matching`]. [`output`] prints them. [`explain`] explains why one value matches or does not.

mod alerts;
mod backfill;
mod cli;
mod commands;
mod conditions;
mod config;
mod exit;
mod explain;
mod feeds;
mod follow;
mod import;
mod indicators;
mod limited;
mod logging;
mod matching;
mod misp;
mod network;
mod opensearch;
mod output;
mod pipeline;
mod policy;
mod rejection;
mod rounds;
#[cfg(test)]
mod seed;
mod serve;
mod service;
mod sightings;
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
        Verb::Scan(args) => commands::scan_files(&args),
        Verb::Build(args) => commands::build_blacklist(&args),
        Verb::Explain(args) => commands::explain_value(&args),
        Verb::Poll(args) => commands::poll_round(&args),
        Verb::Run(args) => commands::run_service(&args),
        Verb::Status(args) => commands::show_status(&args),
        Verb::Feeds(args) => commands::list_feeds(&args),
        Verb::Indicators(args) => commands::list_indicators(&args),
        Verb::Retract(args) => commands::retract_indicator(&args),
        Verb::Mute(args) => commands::mute_alerts(&args),
        Verb::Misp(args) => commands::manage_misp(&args),
        Verb::Push(args) => commands::push_blacklist(&args),
        Verb::Backfill(args) => commands::backfill_events(&args),
        Verb::OpenSearch(args) => match args.verb {
            OpenSearchVerb::Check { config, index, flag_field, json } => {
                commands::check_opensearch(&config.path(), &index, &flag_field, json)
            }
            OpenSearchVerb::Template { config, put } => {
                commands::component_template(put.then(|| config.path()).as_deref())
            }
        },
        Verb::Config(args) => match args.verb {
            ConfigVerb::Check { config, offline } => {
                commands::check_config(&config.path(), offline)
            }
            ConfigVerb::Import(args) => commands::import_config(&args),
            ConfigVerb::Init { file } => commands::init_config(file.as_deref()),
            ConfigVerb::Show { config } => commands::show_config(&config.path()),
        },
        Verb::Reference => commands::write_reference(),
        Verb::Completions { shell } => commands::write_completions(shell),
        Verb::Man { folder } => commands::write_manual(&folder),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure.error);
            failure.exit.into()
        }
    }
}
