//! The reference of settings and commands, made from their definitions.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::config::{Presence, Setting, tables};
use crate::exit::{Exit, Failure};
use crate::output::Sink;

/// Prints docs/reference.md.
pub(crate) fn write_reference() -> Result<Exit, Failure> {
    Sink::stdout()?.write(reference().as_bytes())?;
    Ok(Exit::Done)
}

const SETTINGS: &str = "\
# Reference

Made from the program by `threatsieve reference > docs/reference.md`.

## Settings

A duration is more than 0 and at most ten years: `90s`, `15m`, `1h 30m`, `90d`. A size is more than
0 bytes: `200MB`, `1GiB`. A secret is `{ env = \"NAME\" }` or `{ file = \"PATH\" }`.
TLP levels are CLEAR, GREEN, AMBER, AMBER+STRICT and RED.
`threatsieve config init` writes a first file.
";

fn reference() -> String {
    let mut text = String::from(SETTINGS);
    for table in tables() {
        let heading = if table.heading.is_empty() { "Top level" } else { table.heading };
        _ = write!(text, "\n### {heading}\n\n{}\n\n", table.meaning());
        text.push_str("| key | type | default | example | meaning |\n|---|---|---|---|---|\n");
        for setting in table.settings {
            describe_setting(setting, &mut text);
        }
    }
    text.push_str("\n## Commands\n");
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut command, &mut text);
    text
}

fn describe_setting(setting: &Setting, text: &mut String) {
    let default = match setting.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional => "none".to_owned(),
        Presence::Default(value) => format!("`{value}`"),
    };
    let types = match setting.only {
        [] => String::new(),
        only => format!("{}: ", only.join(", ")),
    };
    _ = writeln!(
        text,
        "| `{}` | {} | {default} | `{}` | {types}{} |",
        setting.key,
        setting.kind.name(),
        setting.example(),
        setting.meaning()
    );
}

fn describe(command: &mut clap::Command, text: &mut String) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    _ = write!(text, "\n### {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for verb in command.get_subcommands_mut() {
        describe(verb, text);
    }
}
