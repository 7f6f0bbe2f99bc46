//! `threatsieve config init`: writes a first configuration file.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::config::FIRST_FILE;
use crate::exit::{Exit, Failure};
use crate::output::{Sink, note};

/// Writes a first configuration to a new file, or to standard output if no file is named.
pub(crate) fn init_config(path: Option<&Path>) -> Result<Exit, Failure> {
    let Some(path) = path else {
        Sink::stdout()?.write(FIRST_FILE.as_bytes())?;
        return Ok(Exit::Done);
    };
    let shown = path.display();
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(anyhow!("{shown}: expected a new file, got one that exists").into());
        }
        Err(error) => {
            return Err(anyhow!(error).context(format!("{shown}: cannot create the file")).into());
        }
    };
    let written = file.write_all(FIRST_FILE.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("{shown}: cannot write the file"))?;
    note(&format!("wrote {shown}; edit it, then: threatsieve config check --config {shown}"));
    Ok(Exit::Done)
}
