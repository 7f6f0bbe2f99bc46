//! Keys for signing and verifying blacklists.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use threatsieve_blacklist::compile::{SignKey, VerifyKey};

use crate::output::note;

/// Maximum size of a key file. A PEM file with one Ed25519 key has about 120 bytes; this leaves
/// room for comments.
const MAX_KEY_BYTES: u64 = 64 * 1024;

fn read_pem(path: &Path) -> anyhow::Result<(String, File)> {
    let file = File::open(path)
        .with_context(|| format!("{}: the key cannot be opened", path.display()))?;
    let mut pem = String::new();
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    let read = (&file).take(MAX_KEY_BYTES + 1).read_to_string(&mut pem);
    let read = read.with_context(|| format!("{}: the key cannot be read", path.display()))?;
    ensure!(
        read as u64 <= MAX_KEY_BYTES,
        "{}: expected a key in PEM, got more than 64 KiB",
        path.display()
    );
    Ok((pem, file))
}

/// Reads the private key in a file. Prints a warning if others can read it.
pub(crate) fn read_sign_key(path: &Path) -> anyhow::Result<SignKey> {
    let (pem, file) = read_pem(path)?;
    let key = SignKey::from_pem(&pem).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let mode = file
        .metadata()
        .with_context(|| format!("{}: the key's mode cannot be read", path.display()))?
        .mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        note(&format!(
            "warning: {path}: others can read or change this private key (mode {:04o}); \
             chmod 600 {path}",
            mode & 0o7777
        ));
    }
    Ok(key)
}

/// Reads the public key in a file.
pub(crate) fn read_verify_key(path: &Path) -> anyhow::Result<VerifyKey> {
    let (pem, _) = read_pem(path)?;
    VerifyKey::from_pem(&pem).map_err(|error| anyhow!("{}: {error}", path.display()))
}
