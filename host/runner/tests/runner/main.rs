//! The runner's tests, one module for each thing it promises. One program, because linking wasmtime takes longer than all of them.

mod answers;
mod cache;
mod common;
mod component;
mod limits;
mod memory;
mod packing;
mod switching;
