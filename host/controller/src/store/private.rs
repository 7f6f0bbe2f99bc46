//! Modes of the state's files. Only the owner may read them, because they contain log lines and
//! indicators of any marking.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Mode of the state's folder and the folders in it.
pub(crate) const FOLDER_MODE: u32 = 0o700;
/// Mode of the state's files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Files and folders of a state that earlier versions created readable for everyone.
const NAMES: [&str; 6] =
    ["state.db", "state.db-wal", "state.db-shm", "lock", "blacklists", "history"];

/// Creates a folder that only its owner may enter. An existing folder keeps its mode.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Removes the rights of group and others from a state's folder, and from everything the program
/// created in it.
///
/// The output file may be in the same folder. Its mode is left as it is.
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

/// Changes the mode of one path, and returns whether it is a folder. A missing path, or one of
/// another user, is left as it is.
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
