//! The plain modules, without a JVM.

mod answers;
mod failures;
mod hostile;
mod loading;
mod memory;
mod options;
mod raw_lines;
mod terms;
mod world;
