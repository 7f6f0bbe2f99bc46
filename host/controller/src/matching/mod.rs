//! Matching: the matcher with its blacklist, and the judge of which matches count.

mod judge;
mod matcher;

pub(crate) use judge::Judge;
pub(crate) use matcher::{Matcher, Ruling, Times};
