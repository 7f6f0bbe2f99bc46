//! The runner's tests, one module for each thing it promises. One program, because linking wasmtime takes longer than all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends at its first fault and says what it measured"
)]

mod answers;
mod cache;
mod common;
mod component;
mod limits;
mod memory;
mod packing;
mod switching;
