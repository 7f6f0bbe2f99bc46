//! What can be asked for, a module each.

mod build_blacklist;
mod explain_value;
pub(crate) mod mute_alerts;
mod scan_files;
mod write_manual;

pub(crate) use build_blacklist::build_blacklist;
pub(crate) use explain_value::explain_value;
pub(crate) use scan_files::scan_files;
pub(crate) use write_manual::{write_completions, write_manual};
