//! Tests of rounds over logs that change in between.

mod history;
mod kill;
mod output;
mod randomised;
mod rotation;
mod world;
