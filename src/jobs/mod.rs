//! One file per verb of the command line: a `…Options` value in, work done, an `Outcome` out.
//! Law: the conservation `read = decided + rejected` is asserted at the end of every run.

pub mod audit;
pub mod check;
pub mod compare;
pub mod drift;
pub mod evaluate;
pub mod explain;
pub mod inspect;
#[cfg(feature = "serve")]
pub mod keys;
pub mod label_audit;
pub mod replay;
pub mod suggest;
pub mod thresholds;
pub mod train;
pub mod triage;

mod calibrate;
mod corpus;
mod folds;
mod given;
mod label_files;
mod labelled;
mod learn;
mod nearest;
mod network;
mod page;
mod prepared;
mod train_encoder;
mod voices;

pub use labelled::HeadColumn;
pub use train_encoder::{EncoderStart, EncoderTraining};
pub use voices::Split;

/// How a job that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Done, but some records were rejected.
    DoneWithRejects,
}

impl Outcome {
    /// Done, with so many records rejected.
    pub(crate) fn of(n_rejected: usize) -> Outcome {
        match n_rejected {
            0 => Outcome::Done,
            _ => Outcome::DoneWithRejects,
        }
    }

    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::DoneWithRejects => 1,
        }
    }
}

/// A file of results that is there already stays, unless the user says otherwise.
pub(crate) fn refuse_existing(path: &std::path::Path, force: bool) -> crate::error::Result<()> {
    if path.exists() && !force {
        return Err(crate::error::Error::Usage(format!(
            "{}: exists already: choose another name, or add --force",
            path.display()
        )));
    }
    Ok(())
}

/// Writes figures as JSON, whole or not at all.
pub(crate) fn write_json(
    path: &std::path::Path,
    figures: &impl serde::Serialize,
) -> crate::error::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(figures)
        .map_err(|e| crate::error::Error::Failed(format!("the figures cannot be written: {e}")))?;
    bytes.push(b'\n');
    crate::sink::write_whole(path, &bytes)
}

/// A progress bar on stderr when that is a terminal, nothing otherwise.
pub(crate) fn progress(length: Option<u64>, template: &str) -> indicatif::ProgressBar {
    use std::io::IsTerminal;
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = match length {
        Some(n) => indicatif::ProgressBar::new(n),
        None => indicatif::ProgressBar::new_spinner(),
    };
    // The templates are ours; a wrong one falls back to the default look.
    if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
