//! Destinations: the output file of flagged events, and folders of packages.

mod appended;
pub(crate) mod output_file;
pub(crate) mod package_folder;
mod package_name;
mod record;
mod rotated;

pub(crate) use appended::Access;
pub(crate) use package_name::package_file_name;
pub(crate) use record::{RecordShape, addition_record, flag_record};
