//! Where flagged events go.

mod appended;
mod record;
pub(crate) mod records;

pub(crate) use appended::Access;
pub(crate) use record::{RecordShape, addition_record, flag_record, retraction_record};
