//! What a run read, decided and rejected, by all that somebody may ask: `summary.json` and the lines on stderr.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::complaint::RejectCode;
use crate::decide::{Band, Raised};
use crate::sink::Names;
use crate::source::Found;
use crate::ticket::{Judge, Ticket};

/// How many, by code.
pub type Counts = BTreeMap<String, u64>;

/// `summary.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Summary {
    pub read: u64,
    pub decided: u64,
    pub rejected: u64,
    pub inputs: Vec<InputReport>,
    pub bundle: String,
    pub data_sha256: String,
    pub by_type: Counts,
    pub by_reason: Counts,
    pub by_urgency: Counts,
    pub by_band: Counts,
    pub by_queue: Counts,
    pub by_reject: Counts,
    #[serde(default)]
    pub by_channel: Counts,
    /// Levels within each type, and within each queue.
    #[serde(default)]
    pub urgency_by_type: BTreeMap<String, Counts>,
    #[serde(default)]
    pub urgency_by_queue: BTreeMap<String, Counts>,
    /// Complaints whose type somebody has to confirm, by queue.
    #[serde(default)]
    pub review_by_queue: Counts,
    /// Complaints by the day on which the law wants an answer.
    #[serde(default)]
    pub due_by_day: Counts,
    /// Levels raised above the model's by a rule.
    pub raised_by_rule: u64,
    /// Levels raised in doubt, because too many would be missed otherwise.
    pub raised_by_caution: u64,
    /// Complaints with a channel that no table names.
    pub channel_unknown: u64,
    /// Complaints without a time of receipt: no date could be computed.
    pub without_receipt: u64,
    /// Targets computed by weekends, past the calendar's last year.
    pub provisional_targets: u64,
    /// Handling sheets that a missing required slot prevented, by slot.
    pub sheets_missing_slot: Counts,
    /// Masks put on, by kind; never their values.
    pub masks: Counts,
    /// With `--store` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<CaseCounts>,
    /// With `--cascade` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<CascadeCounts>,
    pub version: String,
}

/// What the store knew of the complaints of this run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CaseCounts {
    /// The night that the run belongs to.
    pub night: String,
    /// Distinct receipts.
    pub receipts: u64,
    /// Of those, the ones that an earlier run had read.
    pub known: u64,
    /// Complaints told before.
    pub repeats: u64,
    /// Of those, the ones with new facts, for which the clock may start again.
    pub restarts: u64,
    /// Waves and joint complaints noticed.
    pub alerts: u64,
    /// Nights that the expected levels were taken from.
    pub history_nights: u64,
}

/// What became of one input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputReport {
    #[serde(flatten)]
    pub found: Found,
    pub read: u64,
    pub decided: u64,
    pub rejected: u64,
    /// Bytes of the file as it lies on the disk, packed if it is packed.
    pub n_bytes: u64,
    /// SHA-256 of those bytes, hex.
    pub sha256: String,
}

/// What the encoder behind the fast model was asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CascadeCounts {
    /// Id of the encoder bundle.
    pub bundle: String,
    /// Complaints that the fast model left below `auto`, judged by the encoder.
    pub sent_on: u64,
    /// Of those, the ones to which the encoder gave another type than the fast model.
    pub type_changed: u64,
    /// Of those, by the band that the encoder's answer reached.
    pub by_band: Counts,
}

impl Summary {
    pub(super) fn add(&mut self, other: Summary) {
        self.decided += other.decided;
        self.rejected += other.rejected;
        self.raised_by_rule += other.raised_by_rule;
        self.raised_by_caution += other.raised_by_caution;
        self.channel_unknown += other.channel_unknown;
        self.without_receipt += other.without_receipt;
        self.provisional_targets += other.provisional_targets;
        if let (Some(mine), Some(theirs)) = (&mut self.cascade, other.cascade) {
            mine.sent_on += theirs.sent_on;
            mine.type_changed += theirs.type_changed;
            for (band, n) in theirs.by_band {
                *mine.by_band.entry(band).or_default() += n;
            }
        }
        let pairs = [
            (&mut self.by_type, other.by_type),
            (&mut self.by_reason, other.by_reason),
            (&mut self.by_urgency, other.by_urgency),
            (&mut self.by_band, other.by_band),
            (&mut self.by_queue, other.by_queue),
            (&mut self.by_reject, other.by_reject),
            (&mut self.sheets_missing_slot, other.sheets_missing_slot),
            (&mut self.masks, other.masks),
            (&mut self.by_channel, other.by_channel),
            (&mut self.review_by_queue, other.review_by_queue),
            (&mut self.due_by_day, other.due_by_day),
        ];
        let crossed = [
            (&mut self.urgency_by_type, other.urgency_by_type),
            (&mut self.urgency_by_queue, other.urgency_by_queue),
        ];
        for (mine, theirs) in pairs {
            for (key, n) in theirs {
                *mine.entry(key).or_default() += n;
            }
        }
        for (mine, theirs) in crossed {
            for (key, counts) in theirs {
                let mine = mine.entry(key).or_default();
                for (level, n) in counts {
                    *mine.entry(level).or_default() += n;
                }
            }
        }
    }
}

pub(super) fn count(counts: &mut Summary, ticket: &Ticket<'_>, names: Names<'_>) {
    let taxonomy = &names.tables.taxonomy;
    let d = &ticket.decision;
    counts.decided += 1;
    let mut bump = |map: fn(&mut Summary) -> &mut Counts, key: &str| bump_in(map(counts), key);
    bump(|c| &mut c.by_type, ticket.type_code(names.tables));
    bump(
        |c| &mut c.by_reason,
        &taxonomy.reasons[d.reason.first().label].label.code,
    );
    bump(|c| &mut c.by_urgency, &taxonomy.levels[d.level].label.code);
    bump(|c| &mut c.by_band, d.band.code());
    bump(
        |c| &mut c.by_queue,
        &taxonomy.queues[ticket.route.queue].code,
    );
    for mask in ticket.clean.masks() {
        bump(|c| &mut c.masks, mask.kind.code());
    }
    let channel = ticket.complaint.channel;
    let channel = channel.map_or("（未写明）", |c| &taxonomy.channels[c].name);
    bump(|c| &mut c.by_channel, channel);
    let queue = &taxonomy.queues[ticket.route.queue].code;
    let level = &taxonomy.levels[d.level].label.code;
    if d.band != Band::Auto {
        bump(|c| &mut c.review_by_queue, queue);
    }
    if let Some(by) = ticket
        .due
        .as_ref()
        .and_then(|d| d.in_force.as_ref()?.by.as_ref())
    {
        let mut day = String::with_capacity(10);
        Moment::on(by.date()).write_to(&mut day);
        bump(|c| &mut c.due_by_day, &day);
    }
    cross(
        &mut counts.urgency_by_type,
        ticket.type_code(names.tables),
        level,
    );
    cross(&mut counts.urgency_by_queue, queue, level);
    match d.raised_by {
        Some(Raised::Rule(_)) => counts.raised_by_rule += 1,
        Some(Raised::Caution(_)) => counts.raised_by_caution += 1,
        None => {}
    }
    if let Judge::Encoder { fast_type } = ticket.judge {
        let cascade = counts.cascade.get_or_insert_default();
        cascade.sent_on += 1;
        cascade.type_changed += u64::from(d.type_.first().label != fast_type);
        *cascade.by_band.entry(d.band.code().to_owned()).or_default() += 1;
    }
    counts.channel_unknown += u64::from(ticket.complaint.channel_unknown);
    match &ticket.due {
        Some(due) => {
            let targets = [
                &due.targets.acknowledge,
                &due.targets.first_reply,
                &due.targets.handle,
            ];
            counts.provisional_targets += u64::from(targets.iter().any(|t| t.provisional));
        }
        None => counts.without_receipt += 1,
    }
}

fn bump_in(map: &mut Counts, key: &str) {
    match map.get_mut(key) {
        Some(n) => *n += 1,
        None => {
            map.insert(key.to_owned(), 1);
        }
    }
}

fn cross(map: &mut BTreeMap<String, Counts>, key: &str, level: &str) {
    match map.get_mut(key) {
        Some(counts) => bump_in(counts, level),
        None => bump_in(map.entry(key.to_owned()).or_default(), level),
    }
}

pub(super) fn count_reject(counts: &mut Summary, code: RejectCode) {
    counts.rejected += 1;
    *counts.by_reject.entry(code.code().to_owned()).or_default() += 1;
}

pub(super) fn tell(total: &Summary, dry_run: bool, out: &Path) {
    let part = |map: &BTreeMap<String, u64>| {
        let parts: Vec<String> = map.iter().map(|(k, n)| format!("{k} {n}")).collect();
        parts.join(" · ")
    };
    eprintln!(
        "read {} = decided {} + rejected {}",
        total.read, total.decided, total.rejected
    );
    eprintln!("urgency  {}", part(&total.by_urgency));
    eprintln!("band     {}", part(&total.by_band));
    if let Some(c) = &total.cascade {
        eprintln!(
            "cascade  {} of {} sent on to encoder {}, {} given another type; there {}",
            c.sent_on,
            total.decided,
            c.bundle,
            c.type_changed,
            part(&c.by_band)
        );
    }
    if let Some(c) = &total.cases {
        eprintln!(
            "cases    night {}: {} told before, {} of them with new facts; {} alerts, {} nights of history",
            c.night, c.repeats, c.restarts, c.alerts, c.history_nights
        );
        if c.known > 0 {
            eprintln!(
                "         {} receipts were known from an earlier run and count once",
                c.known
            );
        }
    }
    if total.rejected > 0 {
        eprintln!("rejects  {}", part(&total.by_reject));
    }
    if total.channel_unknown > 0 {
        eprintln!(
            "warning: {} records name a channel that data/taxonomy/channel.csv does not know: add it to an alias there",
            total.channel_unknown
        );
    }
    if total.without_receipt > 0 {
        eprintln!(
            "warning: {} records have no time of receipt: their dates could not be computed",
            total.without_receipt
        );
    }
    if total.provisional_targets > 0 {
        eprintln!(
            "warning: {} records have targets past the calendar's last year: computed by weekends, marked 暂定; add the year to data/calendar.csv",
            total.provisional_targets
        );
    }
    if !total.sheets_missing_slot.is_empty() {
        eprintln!(
            "warning: handling sheets not written for want of a required slot: {}",
            part(&total.sheets_missing_slot)
        );
    }
    if dry_run {
        eprintln!("dry run: nothing was written");
    } else {
        eprintln!("written to {}", out.display());
    }
}
