//! Text for people and terminals: numbers, times, and escaped text from outside.

mod escape;
mod numbers;
mod time;

pub(crate) use escape::{clipped, escape_controls, safe_json};
pub(crate) use numbers::{counted, grouped, sized};
pub(crate) use threatsieve_flag::rfc3339;
pub(crate) use time::{Rfc3339, day, parse as parse_time};
