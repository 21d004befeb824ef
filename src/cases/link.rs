//! All tellings of one person in, their cases out: which telling repeats which, and what is new in it.
//! Law: a telling already kept keeps its case; what is found hangs on the tellings alone, so finding twice is finding once.

use super::likeness::{Read, same_matter};
use super::novelty::{NewClause, new_clauses, restarts};
use super::reading::Marks;
use super::store::Kept;
use super::telling::Key;
use crate::case_settings::CaseSettings;

/// A telling is compared with so many of the person's latest: more come from one number only where it is no person's.
const MOST_COMPARED: usize = 64;

/// What is proposed for a retelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proposal {
    /// The same complaint again: handled together, the clock runs on.
    Merge,
    /// New facts: handled together, the clock restarts.
    Restart,
    /// The time for handling is over: a complaint of its own, with a note on the earlier one.
    Anew,
}

impl Proposal {
    /// Chinese name for users.
    pub fn name(self) -> &'static str {
        match self {
            Proposal::Merge => "并案",
            Proposal::Restart => "重新起算时限",
            Proposal::Anew => "期限已过，按新投诉受理并关联原件",
        }
    }
}

/// A telling of this run that repeats an earlier one.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// Index into the group.
    pub at: usize,
    /// Indices of the case's earlier tellings, the first first.
    pub before: Vec<usize>,
    /// Probability that it is the same matter.
    pub prob: f32,
    pub new: Vec<NewClause>,
    pub proposal: Proposal,
}

/// Finds the case of every telling of `group` from `first_new` on, and describes those for which `is_asked` holds.
///
/// `group`: all tellings of one link, those kept before first, in the order in which they were read.
pub fn link(
    group: &mut [Kept],
    first_new: usize,
    is_asked: &dyn Fn(&Key) -> bool,
    settings: &CaseSettings,
) -> Vec<Repeat> {
    let mut repeats = Vec::new();
    if group.len() < 2 {
        return repeats;
    }
    let marks: Vec<Marks> = group
        .iter()
        .map(|k| Marks::of(&k.telling, 0..k.telling.text.len(), settings))
        .collect();
    for at in 0..group.len() {
        let asked = is_asked(&group[at].telling.key);
        if at < first_new && !asked {
            continue;
        }
        let own = group[at].case();
        let best = (at.saturating_sub(MOST_COMPARED)..at)
            .filter(|i| group[*i].day.abs_diff(group[at].day) <= settings.window_days as u32)
            // A telling kept before stays in its case.
            .filter(|i| at >= first_new || group[*i].case() == own)
            .map(|i| (likeness(group, &marks, i, at, settings), i))
            // The earliest of equals.
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((prob, like)) = best else { continue };
        if at >= first_new {
            if prob < settings.repeat.limit {
                continue;
            }
            group[at].parent = Some(group[like].case());
        } else if group[at].parent.is_none() {
            continue;
        }
        if !asked {
            continue;
        }
        let case = group[at].case();
        let before: Vec<usize> = (0..at).filter(|i| group[*i].case() == case).collect();
        let mut told = Marks::default();
        for i in &before {
            told.add(&marks[*i]);
        }
        let new = new_clauses(&group[at].telling, &told, settings);
        // The clock counts from the last telling that could restart it: the one before.
        let last = before.iter().map(|i| group[*i].day).max();
        let passed = last.map_or(0, |last| group[at].day - last);
        let proposal = if passed > settings.period_days {
            Proposal::Anew
        } else if restarts(&new, settings) {
            Proposal::Restart
        } else {
            Proposal::Merge
        };
        repeats.push(Repeat {
            at,
            before,
            prob,
            new,
            proposal,
        });
    }
    repeats
}

fn likeness(
    group: &[Kept],
    marks: &[Marks],
    earlier: usize,
    later: usize,
    settings: &CaseSettings,
) -> f32 {
    let read = |i: usize| Read {
        telling: &group[i].telling,
        marks: &marks[i],
        day: group[i].day,
    };
    if group[later].telling.is_known {
        return same_matter(read(earlier), read(later), settings);
    }
    // Without a complainant the link is the wording itself, and short wordings are everybody's.
    let letters = group[later].telling.text.chars();
    let n = letters.filter(|c| c.is_alphanumeric()).count();
    f32::from(u8::from(n >= settings.repeat.least_letters))
}
