//! Secrets: found in the environment or in a file, and never shown.

use std::env::VarError;
use std::fmt;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use toml::Spanned;
use toml::de::DeValue;

use super::definition::Table;
use super::kinds::{Describe, FilePath, Kind, TEXT};
use super::reader::{Place, Reader};
use super::shown::kind_of;
use crate::limited::read_limited;

/// Longest secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A password, token or key. It is kept out of debug output, logs and `status`.
#[derive(Clone)]
pub(crate) struct Secret(String);

fields! {
    /// The place of a secret: `env` or `file`, one of the two. At most 64 KiB; one newline at its
    /// end is dropped.
    #[heading = "secret"]
    struct SecretSettings<'a> {
        /// Name of an environment variable.
        #[setting(TEXT, optional, example = "PARTNER_PASSWORD")]
        env: Option<String>,

        /// A file. Only its owner should be able to read it.
        #[setting(FilePath, optional, example = "/run/secrets/partner")]
        file: Option<PathBuf>,
    }
}

/// The kind of a secret: a table that names its place. The configuration never holds the secret.
#[derive(Debug)]
pub(super) struct SecretPlace;

impl Describe for SecretPlace {
    fn name(&self) -> String {
        "secret".to_owned()
    }

    fn expected(&self) -> String {
        "a secret's place ({ env = \"NAME\" } or { file = \"PATH\" })".to_owned()
    }

    fn table(&self) -> Option<&'static Table> {
        Some(&SecretSettings::TABLE)
    }
}

impl<'a> Kind<'a> for SecretPlace {
    type Value = Secret;

    fn read(&self, place: &Place<'a>, value: &Spanned<DeValue<'a>>) -> Option<Secret> {
        let DeValue::Table(table) = value.get_ref() else {
            place.hidden_problem(format!(
                "expected {}, got {}; secrets are not written into the configuration",
                self.expected(),
                kind_of(value.get_ref())
            ));
            return None;
        };
        let settings =
            SecretSettings::read(&Reader::new(place.clone(), &SecretSettings::TABLE, table));
        match (settings.env.value?, settings.file.value?) {
            (Some(name), None) => Secret::from_environment(&name),
            (None, Some(path)) => Secret::from_file(&path, |warning| place.warn(&warning)),
            _ => Err("expected one of `env` and `file`, got both or neither".to_owned()),
        }
        .map_err(|text| place.problem(text))
        .ok()
    }
}

impl Secret {
    pub(crate) fn new(text: String) -> Secret {
        Secret(text)
    }

    /// Reads an environment variable. The error is a message for the user.
    pub(super) fn from_environment(name: &str) -> Result<Secret, String> {
        let wrong = |got: &str| format!("in the environment variable {name}, got {got}");
        match std::env::var(name) {
            Ok(secret) if !secret.is_empty() => Ok(Secret(secret)),
            Ok(_) => Err(format!("expected a secret {}", wrong("an empty one"))),
            Err(VarError::NotPresent) => {
                Err(format!("expected a secret {}", wrong("none: it is not set")))
            }
            Err(VarError::NotUnicode(_)) => Err(format!("expected UTF-8 {}", wrong("other bytes"))),
        }
    }

    /// Reads a file, without the newline at its end. The error is a message for the user. A file
    /// that others can read is used with a warning.
    fn from_file(path: &Path, warn: impl FnOnce(String)) -> Result<Secret, String> {
        let shown = path.display();
        let (bytes, mode) = read(path).map_err(|error| {
            format!("expected a readable file, got an error at {shown}: {error}")
        })?;
        let Some(bytes) = bytes else {
            return Err(format!("expected at most {MAX_SECRET_BYTES} bytes in {shown}, got more"));
        };
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            warn(format!("{shown} can be read by others (mode {mode:o}); `chmod 600` it"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("expected UTF-8 in {shown}, got other bytes"))?;
        let line = match text.strip_suffix('\n') {
            Some(line) => line.strip_suffix('\r').unwrap_or(line),
            None => &text,
        };
        if line.is_empty() {
            return Err(format!("expected a secret in {shown}, got an empty file"));
        }
        Ok(Secret(line.to_owned()))
    }

    /// The text, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Reads a file and its mode; `None` where the file is too large.
fn read(path: &Path) -> io::Result<(Option<Vec<u8>>, u32)> {
    // A pipe without a writer must not delay the start.
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
