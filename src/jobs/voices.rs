//! `voices.toml` in, the split of every labelled row out: tests and calibration by voices that wrote no training text.
//! Law: a row of a voice that is not listed is a fault, never training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::complaint::Complaint;
use crate::error::{Error, Fault, Result};

/// Which split a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Calibration,
    Test,
}

/// `voices.toml` beside the labelled files: who wrote what, and for which split.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Voices {
    voice: BTreeMap<String, Voice>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Voice {
    split: Split,
    #[serde(rename = "brief")]
    _brief: String,
}

/// Column that names the writer of a text.
pub(super) const VOICE: &str = "voice";

impl Voices {
    /// Reads `voices.toml` of the first input that is a folder with one.
    pub(super) fn find(inputs: &[PathBuf]) -> Result<Option<Voices>> {
        for input in inputs {
            let path = input.join("voices.toml");
            if path.is_file() {
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| Error::io(&path, "cannot be read", e))?;
                let voices = toml::from_str(&text).map_err(|e| {
                    let mend = "write [voice.NAME] with split and brief";
                    Error::Config(vec![Fault::toml(&path, &text, &e, mend)])
                })?;
                return Ok(Some(voices));
            }
        }
        Ok(None)
    }

    /// As `find`, where a split is asked for: then there must be voices.
    pub(super) fn for_split(inputs: &[PathBuf], split: Option<Split>) -> Result<Option<Voices>> {
        match split {
            None => Ok(None),
            Some(_) => Voices::find(inputs)?.map(Some).ok_or_else(|| {
                Error::Usage("--split: the input folder has no voices.toml".to_owned())
            }),
        }
    }

    /// The split of a row that was read with its voice: the last of its labels.
    pub(super) fn split(&self, row: &Complaint) -> Result<Split> {
        row.labels
            .last()
            .and_then(|voice| self.voice.get(voice.trim()))
            .map(|v| v.split)
            .ok_or_else(|| {
                Error::Config(vec![Fault::new(
                    Path::new(&*row.position.file),
                    row.position.line as usize,
                    "the voice is not listed in voices.toml",
                    "list it there with its split",
                )])
            })
    }
}
