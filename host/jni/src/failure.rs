//! Failures, in the form in which Java receives them.

use std::any::Any;
use std::error::Error;

use threatsieve_blacklist::{BatchError, OpenError};
use threatsieve_runner::{CheckError, RunnerError};

/// The kind of a failure. Java distinguishes failures by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No blacklist with this name is loaded.
    NoBlacklist,
    /// A file is not a blacklist, is damaged, or has another version.
    Damaged,
    /// A signature is missing or not made with the trusted key.
    Signature,
    /// A file contains a blacklist with another name.
    Name,
    /// A blacklist does not fit in the node's memory limit.
    Budget,
    /// The matcher took too long.
    Deadline,
    /// The matcher trapped.
    Trap,
    /// There is not enough memory, or the matcher wanted more than it may have.
    Memory,
    /// A file cannot be read.
    Io,
    /// Something exceeds a limit.
    Limit,
    /// The options are invalid.
    Options,
    /// The blacklist was replaced while a batch was looked up. The call can be repeated.
    Switched,
    /// A panic, which was caught.
    Panic,
    /// A fault of the caller or of this library.
    Internal,
}

impl Kind {
    /// The name that `NativeException.kind()` returns.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::NoBlacklist => "no-blacklist",
            Kind::Damaged => "damaged",
            Kind::Signature => "signature",
            Kind::Name => "name",
            Kind::Budget => "budget",
            Kind::Deadline => "deadline",
            Kind::Trap => "trap",
            Kind::Memory => "memory",
            Kind::Io => "io",
            Kind::Limit => "limit",
            Kind::Options => "options",
            Kind::Switched => "switched",
            Kind::Panic => "panic",
            Kind::Internal => "internal",
        }
    }
}

/// A call without a result. It has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// A message for people: what, where, expected, got.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    /// The failure of judging hits in time.
    pub(crate) fn late() -> Failure {
        let message =
            "judging the indicators that cover its batch took longer than threatsieve.deadline";
        Failure::new(Kind::Deadline, message)
    }

    /// The failure of allocating memory.
    pub(crate) fn memory(bytes: usize, what: &str) -> Failure {
        Failure::new(Kind::Memory, format!("no memory for {what} of {bytes} bytes"))
    }

    /// The failure for a panic.
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Failure {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Failure::new(
            Kind::Panic,
            format!("the native library panicked: {}", text.unwrap_or("no message")),
        )
    }
}

impl From<jni::errors::Error> for Failure {
    fn from(error: jni::errors::Error) -> Failure {
        use jni::errors::{Error, JniError};
        let kind = match error {
            Error::JniCall(JniError::NoMemory) => Kind::Memory,
            _ => Kind::Internal,
        };
        Failure::new(kind, format!("a call to the JVM failed: {}", chain(&error)))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        let kind = match error {
            OpenError::Unsigned | OpenError::Signature => Kind::Signature,
            _ => Kind::Damaged,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Failure {
        let kind = match &error {
            RunnerError::TooLarge { .. } => Kind::Limit,
            RunnerError::Describe(error) => kind_of(error),
            _ => Kind::Internal,
        };
        Failure::new(kind, chain(&error))
    }
}

impl From<&CheckError> for Failure {
    fn from(error: &CheckError) -> Failure {
        Failure::new(kind_of(error), chain(error))
    }
}

fn kind_of(error: &CheckError) -> Kind {
    match error {
        CheckError::NoBlacklist => Kind::NoBlacklist,
        CheckError::Trap { .. } => Kind::Trap,
        CheckError::Deadline { .. } => Kind::Deadline,
        CheckError::MemoryCeiling { .. } | CheckError::Memory { .. } | CheckError::Instance(_) => {
            Kind::Memory
        }
        CheckError::TooManyHits { .. } => Kind::Limit,
        CheckError::Batch(BatchError::TooLarge { .. } | BatchError::TooMany) => Kind::Limit,
        CheckError::Batch(_) | CheckError::Blacklist { .. } | CheckError::Answer(_) => {
            Kind::Internal
        }
    }
}

/// Returns an error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
