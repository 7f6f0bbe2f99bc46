//! The runner's tests, one module for each promise. They are one program because linking the
//! runtime takes longer than most of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends at its first fault and says what it measured"
)]

mod answers;
mod common;
mod component;
mod isolating;
mod limits;
mod mapping;
mod memory;
mod switching;
