//! Threatsieve's blacklist (under construction).
pub mod indicator;
pub mod observable;
pub mod value;
