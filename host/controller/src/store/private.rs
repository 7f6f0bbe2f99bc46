//! Modes of the state's files: log lines and indicators of any marking are for the owner alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Mode of the state's folder and the folders in it.
pub(crate) const FOLDER_MODE: u32 = 0o700;
/// Mode of the state's files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Files and folders of a state that earlier versions made for everybody to read.
const NAMES: [&str; 6] =
    ["state.db", "state.db-wal", "state.db-shm", "lock", "blacklists", "history"];

/// Makes a folder that only its owner may enter; one that exists keeps its mode.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Takes the rights of group and others off a state's folder, and off what the program made in it.
/// The output file may lie there too; it has a mode of its own.
pub(super) fn close_to_others(state: &Path) -> io::Result<()> {
    close(state)?;
    for name in NAMES {
        let path = state.join(name);
        if !close(&path)? {
            continue;
        }
        for entry in fs::read_dir(&path)? {
            close(&entry?.path())?;
        }
    }
    Ok(())
}

/// Changes one mode, and returns whether it is a folder's. What is not there, or another user's, stays as it is.
fn close(path: &Path) -> io::Result<bool> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::metadata(path)?,
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mode = metadata.permissions().mode();
    let allowed = if metadata.is_dir() { FOLDER_MODE } else { FILE_MODE };
    if mode & 0o077 != 0 {
        match fs::set_permissions(path, Permissions::from_mode(mode & allowed)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            changed => changed?,
        }
    }
    Ok(metadata.is_dir())
}
