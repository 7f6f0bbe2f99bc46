//! What is never shown.

use std::env::VarError;
use std::fmt;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::limited::read_limited;

/// Longest secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A password, token or key. It is kept out of debug output, logs and `status`.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// A secret of this text.
    pub(crate) fn new(text: String) -> Secret {
        Secret(text)
    }

    /// What the environment variable holds; or what is wrong with it.
    pub(super) fn from_environment(name: &str) -> Result<Secret, String> {
        match std::env::var(name) {
            Ok(secret) if !secret.is_empty() => Ok(Secret(secret)),
            Ok(_) => Err(format!(
                "expected a secret in the environment variable {name}, got an empty one"
            )),
            Err(VarError::NotPresent) => Err(format!(
                "expected a secret in the environment variable {name}, got none: it is not set"
            )),
            Err(VarError::NotUnicode(_)) => {
                Err(format!("expected UTF-8 in the environment variable {name}, got other bytes"))
            }
        }
    }

    /// What the file holds, without the end of its last line; or what is wrong with it. A file that others can read is used, and warned of.
    pub(super) fn from_file(path: &Path, warn: impl FnOnce(String)) -> Result<Secret, String> {
        let (bytes, mode) = read(path).map_err(|error| {
            format!("expected a readable file, got an error at {}: {error}", path.display())
        })?;
        let Some(bytes) = bytes else {
            return Err(format!(
                "expected at most {MAX_SECRET_BYTES} bytes in {}, got more",
                path.display()
            ));
        };
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            warn(format!(
                "{} can be read by others (mode {mode:o}); `chmod 600` it",
                path.display()
            ));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("expected UTF-8 in {}, got other bytes", path.display()))?;
        let line =
            text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        if line.is_empty() {
            return Err(format!("expected a secret in {}, got an empty file", path.display()));
        }
        Ok(Secret(line.to_owned()))
    }

    /// The text, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// A file's bytes, unless they are too many, and its mode.
fn read(path: &Path) -> io::Result<(Option<Vec<u8>>, u32)> {
    // A pipe without a writer must not hold up the start.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    Ok((read_limited(file, MAX_SECRET_BYTES)?, mode))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
