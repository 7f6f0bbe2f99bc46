//! The reference of settings and commands, made from what the program itself goes by.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::config::settings::{Default, TABLES};
use crate::exit::{Exit, Failure};
use crate::output::Sink;

/// Prints docs/reference.md.
pub(crate) fn write_reference() -> Result<Exit, Failure> {
    Sink::stdout()?.write(reference().as_bytes())?;
    Ok(Exit::Done)
}

fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nMade from the program by `threatsieve reference > docs/reference.md`.\n\n## Settings\n\n\
         Durations are written `90s`, `15m`, `1h 30m`, `90d`; sizes `200MB`, `1GiB`. A secret is `{ env = \"NAME\" }` or `{ file = \"PATH\" }`.\n\
         TLP levels are CLEAR, GREEN, AMBER, AMBER+STRICT and RED.\n",
    );
    for table in TABLES {
        let heading = if table.heading.is_empty() { "Top level" } else { table.heading };
        _ = write!(
            text,
            "\n### {heading}\n\n{}\n\n| key | type | default | example | meaning |\n|---|---|---|---|---|\n",
            table.meaning
        );
        for setting in table.settings {
            let default = match setting.default {
                Default::Required => "required".to_owned(),
                Default::Absent => "none".to_owned(),
                Default::Is(value) => format!("`{value}`"),
            };
            _ = writeln!(
                text,
                "| `{}` | {} | {default} | `{}` | {} |",
                setting.key, setting.kind, setting.example, setting.meaning
            );
        }
    }
    text.push_str("\n## Commands\n");
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&mut command, &mut text);
    text
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
