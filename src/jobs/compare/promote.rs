//! `xiaobao promote NEW --over DIR`: a new bundle in the place of the one in force, if it is proved to be no worse.
//! Law: nothing is put in place before the guards hold; the bundle before stays, and who, when, why and the figures are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CompareOptions, Compared, Models, compare, load, read, tell};
use crate::bundle::Bundle;
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::jobs::Outcome;
use crate::sink::{folder_of, sync_dir, write_whole};
use crate::tables::Tables;

/// What must hold before a bundle is put in place.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// A class may lose this much F1, 0..=1.
    pub max_class_drop: f64,
    /// Classes with fewer rows are too thin to judge.
    pub least_rows: usize,
    /// The share of urgent complaints that are raised may fall by this much, 0..=1.
    pub max_urgent_drop: f64,
}

impl Default for Guards {
    /// Chosen, not measured.
    fn default() -> Self {
        Guards {
            max_class_drop: 0.03,
            least_rows: 20,
            max_urgent_drop: 0.0,
        }
    }
}

impl Guards {
    /// What does not hold; empty if the new bundle may be put in place.
    pub fn failing(&self, compared: &Compared) -> Vec<String> {
        let mut out = Vec::new();
        for head in &compared.heads {
            for class in head.classes.iter().filter(|c| c.n >= self.least_rows) {
                if class.f1.change < -self.max_class_drop {
                    out.push(format!(
                        "{} {}: F1 falls from {:.3} to {:.3} (n {}), more than {}",
                        head.head,
                        class.label,
                        class.f1.old,
                        class.f1.new,
                        class.n,
                        self.max_class_drop
                    ));
                }
            }
        }
        if let Some(recall) = compared.floor.as_ref().and_then(|f| f.urgent_recall) {
            let share = |n: usize| n as f64 / recall.n.max(1) as f64;
            if share(recall.new) < share(recall.old) - self.max_urgent_drop {
                out.push(format!(
                    "urgent complaints raised fall from {} to {} of {}",
                    recall.old, recall.new, recall.n
                ));
            }
        }
        out
    }
}

/// What `promote` was asked to do.
#[derive(Debug)]
pub struct PromoteOptions {
    /// `new`: the candidate; `old`: the folder in force.
    pub compare: CompareOptions,
    pub guards: Guards,
    pub record: Record,
    /// Judge only.
    pub dry_run: bool,
}

/// Who takes the decision, when and why.
#[derive(Debug, Clone)]
pub struct Record {
    pub by: String,
    pub why: String,
    /// As the command line read the clock.
    pub at: String,
}

/// What `promote --undo` was asked to do.
#[derive(Debug)]
pub struct UndoOptions {
    pub over: PathBuf,
    pub record: Record,
}

/// One line of `history.jsonl`; each names the hash of the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    at: String,
    by: String,
    why: String,
    /// `promote` or `undo`.
    what: String,
    from: String,
    to: String,
    /// The comparison that was judged; nothing for an undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    figures: Option<serde_json::Value>,
    /// SHA-256 of the line before; empty in the first.
    before_sha256: String,
}

pub(super) const HISTORY: &str = "history.jsonl";

pub fn promote(options: &PromoteOptions) -> Result<Outcome> {
    let over = &options.compare.old;
    options.record.check()?;
    let models = load(&options.compare)?;
    for (model, dir) in models.iter().zip([over, &options.compare.new]) {
        if model.fast().is_none() {
            // Only fast bundles are put in force: their reader says why an encoder is none.
            Bundle::load(dir)?;
        }
    }
    let [old, new] = models.each_ref().map(Models::id);
    if new == old {
        return Err(Error::Usage(format!(
            "{}: is in force already",
            options.compare.new.display()
        )));
    }
    let tables = Arc::new(Tables::load(&options.compare.data)?);
    let (rows, rejected) = read(&options.compare, &tables, &models)?;
    let (compared, _) = compare(&options.compare, &tables, &models, &rows)?;
    print!("{}", tell::text(&compared, &tables));
    let failing = options.guards.failing(&compared);
    if !failing.is_empty() {
        return Err(Error::Failed(format!(
            "not promoted, {old} stays in force:\n  {}",
            failing.join("\n  ")
        )));
    }
    if options.dry_run {
        eprintln!("all guards hold; nothing was changed (--dry-run)");
        return Ok(Outcome::Done);
    }
    let entry = Entry {
        at: options.record.at.clone(),
        by: options.record.by.clone(),
        why: options.record.why.clone(),
        what: "promote".to_owned(),
        from: old.to_owned(),
        to: new.to_owned(),
        figures: Some(
            serde_json::to_value(&compared)
                .map_err(|e| Error::Failed(format!("the figures cannot be kept: {e}")))?,
        ),
        before_sha256: String::new(),
    };
    put_in_place(&options.compare.new, over, old, entry)?;
    eprintln!(
        "bundle {new} is in force in {}; {old} is kept, `xiaobao promote --undo --over {}` brings it back",
        over.display(),
        over.display()
    );
    Ok(Outcome::of(rejected))
}

/// Puts the bundle that the last promotion replaced back in force.
pub fn undo(options: &UndoOptions) -> Result<Outcome> {
    options.record.check()?;
    let over = &options.over;
    let now = Bundle::load(over)?;
    let history = history(over)?;
    let last = history.iter().rev().find(|e| e.to == now.id());
    let Some(last) = last else {
        return Err(Error::Usage(format!(
            "{}: its history does not say what stood there before {}",
            over.display(),
            now.id()
        )));
    };
    let kept = kept_dir(over, &last.from);
    let before = Bundle::load(&kept)?;
    let entry = Entry {
        at: options.record.at.clone(),
        by: options.record.by.clone(),
        why: options.record.why.clone(),
        what: "undo".to_owned(),
        from: now.id().to_owned(),
        to: before.id().to_owned(),
        figures: None,
        before_sha256: String::new(),
    };
    let id = before.id().to_owned();
    put_in_place(&kept, over, now.id(), entry)?;
    eprintln!("bundle {id} is in force again in {}", over.display());
    Ok(Outcome::Done)
}

impl Record {
    fn check(&self) -> Result<()> {
        if self.by.trim().is_empty() || self.why.trim().is_empty() {
            return Err(Error::Usage(
                "--by and --why: say who decides and why; both are kept in the history".to_owned(),
            ));
        }
        Ok(())
    }
}

/// Where the bundle `id` that stood in `over` is kept.
fn kept_dir(over: &Path, id: &str) -> PathBuf {
    let name = over.file_name().unwrap_or_default().to_string_lossy();
    folder_of(over).join(format!("{name}.before")).join(id)
}

fn history(dir: &Path) -> Result<Vec<Entry>> {
    let path = dir.join(HISTORY);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(&path, "cannot be read", e)),
    };
    text.lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|e| Error::Failed(format!("{}: a line is damaged: {e}", path.display())))
        })
        .collect()
}

/// Copies `from` beside `over`, with the history of `over` and `entry` behind it, keeps what stands in `over`, and renames.
fn put_in_place(from: &Path, over: &Path, old_id: &str, mut entry: Entry) -> Result<()> {
    let parent = folder_of(over);
    let name = over.file_name().unwrap_or_default().to_string_lossy();
    let fresh = parent.join(format!(".{name}.new"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)
            .map_err(|e| Error::io(&fresh, "a leftover cannot be removed", e))?;
    }
    let failed = |what| move |e| Error::io(over, what, e);
    std::fs::create_dir_all(&fresh).map_err(failed("cannot be made"))?;
    let entries = std::fs::read_dir(from).map_err(|e| Error::io(from, "cannot be listed", e))?;
    for file in entries {
        let file = file.map_err(|e| Error::io(from, "cannot be listed", e))?;
        if file.path().is_file() && file.file_name() != HISTORY {
            let to = fresh.join(file.file_name());
            std::fs::copy(file.path(), &to)
                .and_then(|_| std::fs::File::open(&to)?.sync_all())
                .map_err(failed("cannot be written"))?;
        }
    }
    let path = over.join(HISTORY);
    let mut lines = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Error::io(&path, "cannot be read", e)),
    };
    if let Some(last) = lines.lines().last() {
        entry.before_sha256 = sha256(last.as_bytes());
    }
    let line = serde_json::to_string(&entry)
        .map_err(|e| Error::Failed(format!("the history cannot be written: {e}")))?;
    lines.push_str(&line);
    lines.push('\n');
    write_whole(&fresh.join(HISTORY), lines.as_bytes())?;
    // What is put in place is proved first: a copy that cannot be loaded never gets the name.
    Bundle::load(&fresh)?;
    let kept = kept_dir(over, old_id);
    std::fs::create_dir_all(folder_of(&kept)).map_err(failed("the old one cannot be kept"))?;
    if kept.exists() {
        std::fs::remove_dir_all(&kept).map_err(failed("the old one cannot be kept"))?;
    }
    // Both names change at once: a reader finds the old bundle or the new one, never none.
    rustix::fs::renameat_with(
        rustix::fs::CWD,
        &fresh,
        rustix::fs::CWD,
        over,
        rustix::fs::RenameFlags::EXCHANGE,
    )
    .map_err(|e| Error::io(over, "cannot be put in place", e.into()))?;
    std::fs::rename(&fresh, &kept).map_err(failed("the old one cannot be kept"))?;
    sync_dir(parent)
}
