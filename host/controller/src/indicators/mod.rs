//! Makes a blacklist from the files named on the command line, or from the state.

pub(crate) mod generation;
mod key;
mod load;
mod merge;
mod open;
mod prepare;
mod rejecting;

pub(crate) use key::read_sign_key;
pub(crate) use load::{Identity, Loaded, load};
pub(crate) use open::open_blacklist;
pub(crate) use prepare::{Prepared, prepare};
pub(crate) use rejecting::Rejections;
