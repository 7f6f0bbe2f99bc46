//! How the program ends.

use std::process::ExitCode;

use crate::store::StateDamage;

/// Exit codes, which scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    /// Something matched, and `--exit-code` asked to be told so.
    Matched = 1,
    /// Wrong usage or configuration, an argument that names no file among it, or a machine that does not bear it. Wins over [`Exit::Matched`].
    Usage = 2,
    /// A remote side failed: a feed, a mail server, or a cluster; or what a feed delivered is held back.
    Remote = 3,
    /// An input was damaged, unreadable, or not checked in full. Wins over all others.
    Damaged = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// An input is not what it should be.
    pub(crate) fn damaged(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Damaged, error: error.into() }
    }

    /// A remote side failed.
    pub(crate) fn remote(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Remote, error: error.into() }
    }
}

/// Damage of the state is [`Exit::Damaged`]; any other error is about how the program was called.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        let error = error.into();
        let exit = if StateDamage::is_cause_of(&error) { Exit::Damaged } else { Exit::Usage };
        Failure { exit, error }
    }
}
