//! The destination of flagged events: the output file.

mod appended;
pub(crate) mod output_file;
mod record;
mod rotated;

pub(crate) use appended::Access;
pub(crate) use record::{RecordShape, addition_record, flag_record};
