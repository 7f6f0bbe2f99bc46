//! The exit codes of the program.

use std::process::ExitCode;

use crate::store::StateDamage;

/// Exit codes, which scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    /// Something matched, and `--exit-code` was given.
    Matched = 1,
    /// Wrong usage or configuration, an argument that names a file that does not exist, or the
    /// machine lacks resources. Wins over [`Exit::Matched`].
    Usage = 2,
    /// A remote side failed (a feed, a mail server, a cluster), or a delivery is held back.
    Remote = 3,
    /// An input was damaged, unreadable, or not checked in full. Wins over all others.
    Damaged = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The error of a command, with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// An error about a damaged input.
    pub(crate) fn damaged(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Damaged, error: error.into() }
    }

    /// An error about a remote side.
    pub(crate) fn remote(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Remote, error: error.into() }
    }
}

/// Damage of the state gives [`Exit::Damaged`]. Any other error gives [`Exit::Usage`].
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = error.into();
        let exit = if StateDamage::is_cause_of(&error) { Exit::Damaged } else { Exit::Usage };
        Failure { exit, error }
    }
}
