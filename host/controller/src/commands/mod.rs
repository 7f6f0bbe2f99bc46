//! The commands of the program, one module each.

mod build_blacklist;
mod check_config;
mod check_opensearch;
mod configured;
mod explain_value;
mod import_config;
mod init_config;
mod list_packages;
mod mute_alerts;
mod poll_round;
mod push_blacklist;
mod retract_indicator;
mod run_service;
mod scan_files;
mod show_presets;
mod show_state;
mod talk_to_feed;
mod taxii_objects;
mod test_feed;
mod write_manual;
mod write_reference;

pub(crate) use build_blacklist::build_blacklist;
pub(crate) use check_config::{check_config, show_config};
pub(crate) use check_opensearch::{check_opensearch, component_template};
pub(crate) use explain_value::explain_value;
pub(crate) use import_config::import_config;
pub(crate) use init_config::init_config;
pub(crate) use mute_alerts::mute_alerts;
pub(crate) use poll_round::poll_round;
pub(crate) use push_blacklist::push_blacklist;
pub(crate) use retract_indicator::retract_indicator;
pub(crate) use run_service::run_service;
pub(crate) use scan_files::scan_files;
pub(crate) use show_state::{list_feeds, list_indicators, show_status};
pub(crate) use write_manual::{write_completions, write_manual};
pub(crate) use write_reference::write_reference;
