//! `[output]`.

use std::path::{Path, PathBuf};

use threatsieve_blacklist::Tlp;

use super::kinds::{FilePath, Plain, TEXT, TEXT_OR_EMPTY, TlpLevel};
use super::reader::Reader;
use crate::sinks::Access;

/// File name of the flagged events, where the configuration names none.
const DEFAULT_FILE: &str = "matches.ndjson";

/// Destination of flagged events.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// NDJSON, appended to.
    pub(crate) file: PathBuf,
    /// Mode and group of that file.
    pub(crate) access: Access,
    /// Field of the flag; `None` writes no flag.
    pub(crate) flag_field: Option<String>,
    pub(crate) flag_value: String,
    /// Strictest marking to write into events.
    pub(crate) max_tlp: Tlp,
}

fields! {
    /// Destination of flagged events.
    #[heading = "[output]"]
    struct OutputSettings<'a> {
        /// NDJSON file to append to. Without it, `matches.ndjson` in the folder of the state.
        #[setting(FilePath, optional, example = "/var/log/threatsieve/matches.ndjson")]
        file: Option<PathBuf>,

        /// Mode of the file. The owner must be able to read and write.
        #[setting(MODE, default = "0640", example = "0644")]
        mode: u32,

        /// Group of the file, for log shippers. Without it, the group of the user who runs the
        /// program, or of the folder.
        #[setting(GROUP, optional, example = "adm")]
        group: Option<u32>,

        /// Field of the flag. An empty string writes no flag.
        #[setting(TEXT_OR_EMPTY, default = "indicator", example = "")]
        flag_field: String,

        /// Value of the flag.
        #[setting(TEXT, default = "matched", example = "listed")]
        flag_value: String,

        /// Strictest marking to write into events.
        #[setting(TlpLevel, default = "AMBER", example = "GREEN")]
        max_tlp: Tlp,
    }
}

/// A mode for a file that the owner reads and writes and nobody executes.
const MODE: Plain<u32> = Plain {
    name: "octal mode",
    expected: "an octal mode with which the owner can read and write (\"0640\")",
    parse: |value| {
        let mode = u32::from_str_radix(value.as_str()?, 8).ok()?;
        (mode & 0o600 == 0o600 && mode & !0o666 == 0).then_some(mode)
    },
};

/// The number of a group of this machine.
const GROUP: Plain<u32> = Plain {
    name: "name or number of a group",
    expected: "a group of this machine, by name or number",
    parse: |value| {
        let name = value.as_str()?;
        let by_name = || nix::unistd::Group::from_name(name).ok().flatten();
        name.parse().ok().or_else(|| by_name().map(|group| group.gid.as_raw()))
    },
};

pub(super) fn output(table: &Reader<'_>, state: Option<&Path>) -> Option<Output> {
    let settings = OutputSettings::read(table);
    let group = settings.group.value?;
    let file = match settings.file.value? {
        Some(file) => file,
        None => state?.join(DEFAULT_FILE),
    };
    // Only the owner can enter the folder of the state.
    if state.is_some_and(|state| file.starts_with(state))
        && (settings.mode.place.is_given || group.is_some())
    {
        settings.file.place.warn(
            "`mode` and `group` have no effect: only the owner can enter the folder of the state; \
             name a file elsewhere",
        );
    }
    Some(Output {
        file,
        access: Access { mode: settings.mode.value?, group },
        flag_field: Some(settings.flag_field.value?).filter(|field| !field.is_empty()),
        flag_value: settings.flag_value.value?,
        max_tlp: settings.max_tlp.value?,
    })
}
