//! What can go wrong with a run as a whole: usage, configuration, files, interruption.
//! A bad record is no error: it is a `complaint::Rejected` value and the run goes on.
//! Law: no complaint text and no personal data in any message.

use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One fault in a file that a user wrote, shown as `file:line: what: how to mend it`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub path: PathBuf,
    /// First line is 1; 0 means the file as a whole.
    pub line: usize,
    pub what: String,
    pub mend: String,
}

impl Fault {
    pub fn new(
        path: impl Into<PathBuf>,
        line: usize,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Fault {
            path: path.into(),
            line,
            what: what.into(),
            mend: mend.into(),
        }
    }

    /// What the TOML reader says about `source`, the text of `path`, with the line it means.
    pub fn toml(
        path: impl Into<PathBuf>,
        source: &str,
        error: &toml::de::Error,
        mend: impl Into<String>,
    ) -> Self {
        let line = error.span().map_or(0, |s| line_of(source, s.start));
        Fault::new(path, line, error.message().replace('\n', ", "), mend)
    }
}

/// The line, from 1, that byte `at` of `source` stands on.
pub fn line_of(source: &str, at: usize) -> usize {
    1 + source[..at.min(source.len())].matches('\n').count()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}: {}", self.what, self.mend)
    }
}

/// Why a run ended early. `exit_code` maps it to the command line's contract.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or an option is wrong.
    #[error("{0}")]
    Usage(String),
    /// Tables, templates or rules are wrong; all faults are reported together.
    #[error("{}", list(.0))]
    Config(Vec<Fault>),
    /// A model bundle is damaged, of another version, or does not fit the tables.
    #[error("{}: {what}: {mend}", .path.display())]
    Bundle {
        path: PathBuf,
        what: String,
        mend: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {what}", .path.display())]
    Io {
        path: PathBuf,
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// A law of the house was broken, or training failed; nothing half-written is left.
    #[error("{0}")]
    Failed(String),
    /// The reader of our output went away; success by convention.
    #[error("the reader of the output closed it")]
    BrokenPipe,
    /// Stopped by the user or the system.
    #[error("interrupted")]
    Interrupted,
}

fn list(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(Fault::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl Error {
    /// Wraps an I/O failure with the path it happened at; a closed pipe becomes `BrokenPipe`.
    pub fn io(path: &Path, what: &'static str, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return Error::BrokenPipe;
        }
        Error::Io {
            path: path.to_owned(),
            what,
            source,
        }
    }

    /// `2` usage or configuration, `3` failed, `4` interrupted, `0` for a closed pipe.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) | Error::Config(_) | Error::Bundle { .. } => 2,
            Error::Io { .. } | Error::Failed(_) => 3,
            Error::Interrupted => 4,
            Error::BrokenPipe => 0,
        }
    }
}
