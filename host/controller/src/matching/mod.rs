//! What matches: the blacklist in the matcher, and the one judge of what counts.

mod judge;
mod matcher;

pub(crate) use judge::Judge;
pub(crate) use matcher::{Matcher, Ruling, Times};
