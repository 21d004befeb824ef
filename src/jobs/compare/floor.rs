//! Two bundles' decisions about the same rows in, what changes for those who handle them out.
//! Law: every complaint that loses an urgent level is listed.

use serde::Serialize;

use super::{Both, Flip};
use crate::complaint::Complaint;
use crate::decide::Band;
use crate::jobs::given::Floor;
use crate::tables::Tables;

/// What a new bundle changes on the floor.
#[derive(Debug, Serialize)]
pub struct FloorChange {
    pub n: usize,
    pub queue_changes: usize,
    pub queues: Vec<Load>,
    pub bands: Vec<Load>,
    /// Complaints that no longer have an urgent level, and those that have one now.
    pub urgent_lost: Vec<LostLevel>,
    pub urgent_gained: usize,
    /// By the labels: urgent complaints, and how many of them each bundle raises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgent_recall: Option<UrgentRecall>,
    /// Of those with a day of receipt: to be handled earlier, later.
    pub dated: usize,
    pub earlier: usize,
    pub later: usize,
}

/// Complaints in one place, by the old and the new bundle.
#[derive(Debug, Serialize)]
pub struct Load {
    pub code: String,
    pub name: String,
    pub old: usize,
    pub new: usize,
}

/// A complaint that loses an urgent level.
#[derive(Debug, Serialize)]
pub struct LostLevel {
    pub file: String,
    pub line: u64,
    pub id: String,
    pub old: String,
    pub new: String,
    /// By its label; `None` where it has none.
    pub gold: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UrgentRecall {
    pub n: usize,
    pub old: usize,
    pub new: usize,
}

impl FloorChange {
    /// `None` where a bundle does not triage. `gold_level`: the right level of a row, where it has a label.
    pub(super) fn of(
        given: &Both,
        rows: &[Complaint],
        tables: &Tables,
        gold_level: impl Fn(usize) -> Option<usize>,
        flips: &mut Vec<Flip>,
    ) -> Option<FloorChange> {
        let both: Vec<(Floor, Floor)> = given[0]
            .iter()
            .zip(&given[1])
            .map(|(old, new)| Some((old.floor?, new.floor?)))
            .collect::<Option<_>>()?;
        let taxonomy = &tables.taxonomy;
        let levels = &taxonomy.levels;
        let last_urgent = taxonomy.last_urgent();
        let is_urgent = |level: usize| last_urgent.is_some_and(|last| level <= last);
        let code = |level: usize| levels[level].label.code.clone();
        let mut change = FloorChange {
            n: both.len(),
            queue_changes: 0,
            queues: taxonomy
                .queues
                .iter()
                .map(|q| Load::new(&q.code, &q.name))
                .collect(),
            bands: Band::ALL
                .iter()
                .map(|b| Load::new(b.code(), b.name()))
                .collect(),
            urgent_lost: Vec::new(),
            urgent_gained: 0,
            urgent_recall: None,
            dated: 0,
            earlier: 0,
            later: 0,
        };
        let mut recall = UrgentRecall {
            n: 0,
            old: 0,
            new: 0,
        };
        for (row, (old, new)) in both.iter().enumerate() {
            change.queues[old.queue].old += 1;
            change.queues[new.queue].new += 1;
            let band = |b: Band| Band::ALL.iter().position(|x| *x == b).unwrap_or(0);
            change.bands[band(old.band)].old += 1;
            change.bands[band(new.band)].new += 1;
            if old.queue != new.queue {
                change.queue_changes += 1;
                flips.push(Flip {
                    row,
                    what: "queue".to_owned(),
                    old: taxonomy.queues[old.queue].code.clone(),
                    new: taxonomy.queues[new.queue].code.clone(),
                    gold: String::new(),
                });
            }
            let gold = gold_level(row);
            if is_urgent(old.level) && old.level < new.level {
                change.urgent_lost.push(LostLevel {
                    file: rows[row].position.file.to_string(),
                    line: rows[row].position.line,
                    id: rows[row].id.clone(),
                    old: code(old.level),
                    new: code(new.level),
                    gold: gold.map(code),
                });
            }
            change.urgent_gained += usize::from(is_urgent(new.level) && new.level < old.level);
            if gold.is_some_and(is_urgent) {
                recall.n += 1;
                recall.old += usize::from(is_urgent(old.level));
                recall.new += usize::from(is_urgent(new.level));
            }
            if let (Some(old), Some(new)) = (old.handle_by, new.handle_by) {
                change.dated += 1;
                change.earlier += usize::from(new < old);
                change.later += usize::from(new > old);
            }
        }
        change.urgent_recall = (recall.n > 0).then_some(recall);
        Some(change)
    }
}

impl Load {
    fn new(code: &str, name: &str) -> Load {
        Load {
            code: code.to_owned(),
            name: name.to_owned(),
            old: 0,
            new: 0,
        }
    }
}
