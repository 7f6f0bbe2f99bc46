//! Mails as files in a folder, for operators without a mail server.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::sources::AtomicFile;
use crate::store::private;

/// Writes a mail that only the owner can read. The file is named after the Message-ID, so a
/// repeated mail overwrites itself.
pub(super) fn put(folder: &Path, message_id: &str, body: &[u8]) -> anyhow::Result<()> {
    private::create_folder(folder)
        .with_context(|| format!("{}: cannot create the folder for mails", folder.display()))?;
    let name: String = message_id
        .trim_matches(['<', '>'])
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "@.-_".contains(c) { c } else { '_' })
        .collect();
    let path = folder.join(format!("{name}.eml"));
    let mut file = AtomicFile::create_private(&path)?;
    let write = |file: &mut AtomicFile| file.write_all(body);
    write(&mut file)
        .and_then(|()| file.finish())
        .with_context(|| format!("{}: cannot be written", path.display()))
}
