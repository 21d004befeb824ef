//! A challenger bundle decides the same traffic, unseen by the callers; the differences are counted and listed.
//! Laws: it works on spare time only and never delays an answer: what does not fit the queue is dropped and counted; ids and
//! labels are kept, text is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::{ServeOptions, Shared};
use crate::complaint::Complaint;
use crate::error::Result;
use crate::pipeline::{Triage, Workspace};
use crate::ticket::Ticket;

/// Complaints that wait for the challenger.
const QUEUE: usize = 256;
/// Differences listed, the latest.
const LISTED: usize = 200;
/// Longest id listed, characters.
const ID_CHARS: usize = 64;

/// A decision as far as the two are compared.
#[derive(Debug, Clone, Serialize)]
struct Labels {
    r#type: String,
    reason: String,
    urgency: String,
    band: &'static str,
    queue: String,
    bundle: String,
    /// Place of `urgency` in the taxonomy: 0 is the highest.
    #[serde(skip)]
    level: usize,
}

impl Labels {
    fn of(ticket: &Ticket<'_>, triage: &Triage) -> Labels {
        let tables = &triage.tables;
        let taxonomy = &tables.taxonomy;
        let d = &ticket.decision;
        Labels {
            r#type: ticket.type_code(tables).to_owned(),
            reason: taxonomy.reasons[d.reason.first().label].label.code.clone(),
            urgency: taxonomy.levels[d.level].label.code.clone(),
            band: d.band.code(),
            queue: taxonomy.queues[ticket.route.queue].code.clone(),
            bundle: triage.names().bundle_of(ticket).to_owned(),
            level: d.level,
        }
    }

    /// Kinds of difference, as metrics and list name them.
    fn kinds(&self, challenger: &Labels) -> Vec<&'static str> {
        let kinds = [
            ("type", self.r#type != challenger.r#type),
            ("reason", self.reason != challenger.reason),
            ("urgency_up", challenger.level < self.level),
            ("urgency_down", challenger.level > self.level),
            ("queue", self.queue != challenger.queue),
            ("band", self.band != challenger.band),
        ];
        kinds.into_iter().filter(|k| k.1).map(|k| k.0).collect()
    }
}

/// All kinds, in the order of the list.
const KINDS: [&str; 6] = [
    "type",
    "reason",
    "urgency_up",
    "urgency_down",
    "queue",
    "band",
];

#[derive(Clone, Serialize)]
struct Difference {
    id: String,
    kinds: Vec<&'static str>,
    ours: Labels,
    challenger: Labels,
}

/// Counted since the pair of bundles is in force.
#[derive(Default)]
struct Tally {
    decided: u64,
    same: u64,
    dropped: u64,
    kinds: BTreeMap<&'static str, u64>,
    latest: VecDeque<Difference>,
}

struct Item {
    complaint: Complaint,
    ours: Labels,
}

/// The challenger and what became of it.
pub(super) struct Shadow {
    challenger: ArcSwap<Triage>,
    queue: SyncSender<Item>,
    tally: Mutex<Tally>,
}

/// The challenger of the options, on the same tables and class mix.
pub(super) fn load(options: &ServeOptions) -> Result<Option<Triage>> {
    let prior = options.prior.as_deref();
    let model = options.shadow.as_deref();
    model
        .map(|model| Triage::load_with(&options.data, model, None, prior))
        .transpose()
}

/// What the thread of the challenger takes its work from.
pub(super) struct Waiting(Receiver<Item>);

impl Shadow {
    pub fn new(challenger: Triage) -> (Shadow, Waiting) {
        let (queue, waiting) = sync_channel(QUEUE);
        let shadow = Shadow {
            challenger: ArcSwap::from_pointee(challenger),
            queue,
            tally: Mutex::default(),
        };
        (shadow, Waiting(waiting))
    }

    pub fn replace(&self, challenger: Triage) {
        self.challenger.store(Arc::new(challenger));
        // Counts of two pairs of bundles do not add up.
        *self.tally() = Tally::default();
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a decided complaint over if there is room.
    pub fn offer(&self, ticket: &Ticket<'_>, triage: &Triage, shared: &Shared) {
        let item = Item {
            complaint: ticket.complaint.clone(),
            ours: Labels::of(ticket, triage),
        };
        if self.queue.try_send(item).is_err() {
            self.tally().dropped += 1;
            shared.metrics.shadow_dropped.inc();
        }
    }

    fn decide(&self, item: &Item, work: &mut Workspace, shared: &Shared) {
        let triage = self.challenger.load_full();
        let Ok(ticket) = triage.one(&item.complaint, work) else {
            return;
        };
        let challenger = Labels::of(&ticket, &triage);
        let kinds = item.ours.kinds(&challenger);
        shared.metrics.shadow_decided.inc();
        let mut tally = self.tally();
        tally.decided += 1;
        if kinds.is_empty() {
            tally.same += 1;
            return;
        }
        for kind in &kinds {
            *tally.kinds.entry(kind).or_default() += 1;
            let counter = &shared.metrics.shadow_differences;
            counter.with_label_values(&[*kind]).inc();
        }
        if tally.latest.len() == LISTED {
            tally.latest.pop_front();
        }
        tally.latest.push_back(Difference {
            id: item.complaint.id.chars().take(ID_CHARS).collect(),
            kinds,
            ours: item.ours.clone(),
            challenger,
        });
    }
}

/// Decides what waits, until the process ends.
pub(super) fn work(shared: &Shared, waiting: Waiting) {
    // On Linux this is the thread's own: it runs when nobody else wants the processor. Where it is refused, or counts for
    // more, the queue still bounds the work.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
    let mut work = Workspace::default();
    for item in waiting.0 {
        if let Some(shadow) = &shared.shadow {
            shadow.decide(&item, &mut work, shared);
        }
    }
}

/// `GET /v1/admin/shadow`: counts, and the latest differences by id and label.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
) -> std::result::Result<Response, Problem> {
    let Some(shadow) = &shared.shadow else {
        let what = "没有影子模型；启动时给 --shadow";
        return Err(Problem::new(StatusCode::NOT_FOUND, "shadow.off", what));
    };
    let challenger = shadow.challenger.load().bundle_ids();
    let tally = shadow.tally();
    let kinds: BTreeMap<_, _> = KINDS
        .into_iter()
        .map(|k| (k, tally.kinds.get(k).copied().unwrap_or(0)))
        .collect();
    Ok(axum::Json(serde_json::json!({
        "bundle": shared.triage.load().bundle_ids(),
        "challenger": challenger,
        "decided": tally.decided,
        "same": tally.same,
        "dropped": tally.dropped,
        "differences": kinds,
        "latest": tally.latest,
    }))
    .into_response())
}
