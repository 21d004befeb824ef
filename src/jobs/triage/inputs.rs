//! Names on the command line to input files: patterns and folders become the files that they hold, in the order of names.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Endings of the files that a folder is searched for; each also with `.gz` or `.zst` behind it.
const ENDINGS: [&str; 6] = ["csv", "tsv", "jsonl", "ndjson", "xlsx", "parquet"];

fn is_input(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    // `~$` is a workbook that somebody has open.
    !name.starts_with(['.', '~'])
        && name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

/// The inputs that `given` names; a file named twice is read twice no more than once.
pub(super) fn expand(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut inputs: Vec<PathBuf> = Vec::new();
    let mut add = |path: PathBuf| {
        if !inputs.contains(&path) {
            inputs.push(path);
        }
    };
    for path in given {
        let written = path.to_string_lossy();
        if path.as_os_str() != "-" && path.is_dir() {
            let entries =
                std::fs::read_dir(path).map_err(|e| Error::io(path, "cannot be listed", e))?;
            let mut found: Vec<PathBuf> = entries
                .filter_map(|e| Some(e.ok()?.path()))
                .filter(|p| p.is_file() && is_input(p))
                .collect();
            found.sort();
            if found.is_empty() {
                return Err(Error::Usage(format!(
                    "{}: holds no file that ends in {} (or those with .gz or .zst)",
                    path.display(),
                    ENDINGS.join(", ")
                )));
            }
            found.into_iter().for_each(&mut add);
        } else if written.contains(['*', '?', '[']) && !path.exists() {
            let wrong = |e: &dyn std::fmt::Display| {
                Error::Usage(format!("{written}: is no pattern that can be used: {e}"))
            };
            let mut n = 0;
            for found in glob::glob(&written).map_err(|e| wrong(&e))? {
                let found = found.map_err(|e| wrong(&e))?;
                if found.is_file() {
                    add(found);
                    n += 1;
                }
            }
            if n == 0 {
                return Err(Error::Usage(format!("{written}: no file fits the pattern")));
            }
        } else {
            add(path.clone());
        }
    }
    Ok(inputs)
}
