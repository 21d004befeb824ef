//! Rows with a wrong label as CSV, masked.

use std::path::Path;

use crate::complaint::Complaint;
use crate::error::{Error, Result};
use crate::jobs::given::{Given, GivenHead};
use crate::model::{HeadSpec, Target};
use crate::sink::{MARK, write_whole};

/// Rows that were given a wrong label, masked, as CSV for Excel.
pub(super) fn write(
    path: &Path,
    rows: &[Complaint],
    given: &[Given],
    gold: &[Vec<Option<Target>>],
    places: &[usize],
    heads: &[HeadSpec],
) -> Result<()> {
    let failed = |e: csv::Error| Error::Failed(format!("{}: {e}", path.display()));
    let mut writer = csv::Writer::from_writer(MARK.to_vec());
    writer
        .write_record([
            "file",
            "line",
            "id",
            "head",
            "gold",
            "given",
            "prob",
            "masked_text",
        ])
        .map_err(failed)?;
    for ((row, given), gold) in rows.iter().zip(given).zip(gold) {
        for (k, p) in places.iter().enumerate() {
            let head = &heads[*p];
            if let (Some(Target::One(gold)), GivenHead::One(label, prob)) =
                (&gold[k], &given.heads[k])
                && *gold as usize != *label
            {
                let line = row.position.line.to_string();
                let prob = format!("{prob:.3}");
                writer
                    .write_record([
                        &*row.position.file,
                        &line,
                        &row.id,
                        &head.name,
                        &head.labels[*gold as usize],
                        &head.labels[*label],
                        &prob,
                        &given.masked,
                    ])
                    .map_err(failed)?;
            }
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?;
    write_whole(path, &bytes)
}
