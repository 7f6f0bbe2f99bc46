//! Mails as files in a folder, for those who have no mail server.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::sources::Replacement;
use crate::store::private;

/// Writes a mail, for the owner alone to read. The file is named for its Message-ID, so that a repeat overwrites itself.
pub(super) fn put(folder: &Path, message_id: &str, body: &[u8]) -> anyhow::Result<()> {
    private::create_folder(folder)
        .with_context(|| format!("{}: the folder for mails cannot be made", folder.display()))?;
    let name: String = message_id
        .trim_matches(['<', '>'])
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "@.-_".contains(c) { c } else { '_' })
        .collect();
    let path = folder.join(format!("{name}.eml"));
    let mut file = Replacement::create_private(&path)?;
    let write = |file: &mut Replacement| file.write_all(body);
    write(&mut file)
        .and_then(|()| file.finish())
        .with_context(|| format!("{}: cannot be written", path.display()))
}
