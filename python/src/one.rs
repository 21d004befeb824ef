//! One complaint at a time: the object of the filter, its explanation, and the taxonomy, as JSON.

use std::cell::RefCell;

use pyo3::prelude::*;
use serde_json::{Value, json};
use xiaobao::complaint::{Complaint, Position};
use xiaobao::error::Result;
use xiaobao::pipeline::{Triage, Workspace};
use xiaobao::sink::write_ticket;
use xiaobao::source::{Role, RowCells};
use xiaobao::taxonomy::{Label, Taxonomy};
use xiaobao::ticket::Ticket;

use crate::{Engine, errors};

thread_local! {
    /// A thread that decides keeps its memory from call to call.
    static WORK: RefCell<Workspace> = RefCell::default();
}

impl Engine {
    /// The line of `triage -` for one complaint; roles and cells as they would stand in a row.
    pub fn decide_one(&self, py: Python<'_>, cells: Vec<(String, String)>) -> PyResult<String> {
        let complaint = self.complaint(cells)?;
        py.detach(|| {
            with_ticket(&self.triage, &complaint, |ticket, _| {
                line_of(&self.triage, ticket)
            })
        })
        .map_err(errors::of_error)
    }

    /// The decision, the filled sheet, and the words for and against each head's answer.
    pub fn explain_one(&self, py: Python<'_>, cells: Vec<(String, String)>) -> PyResult<String> {
        let complaint = self.complaint(cells)?;
        py.detach(|| {
            with_ticket(&self.triage, &complaint, |ticket, work| {
                let decision = line_of(&self.triage, ticket)?;
                let beside = json!({
                    "sheet": ticket.sheet(&self.triage.tables),
                    "why": why(&self.triage, ticket, work),
                });
                // The decision is written once and taken as it is.
                Ok(format!("[{decision},{beside}]"))
            })
        })
        .map_err(errors::of_error)
    }
}

impl Engine {
    fn complaint(&self, cells: Vec<(String, String)>) -> PyResult<Complaint> {
        let mut row = RowCells::default();
        for (name, cell) in cells {
            let role = Role::ALL.into_iter().find(|r| r.name() == name);
            let role = role.ok_or_else(|| errors::usage(&format!("`{name}` is no role")))?;
            row.put(role, cell.into_bytes().into());
        }
        let options = self.source_options(None, None)?;
        let position = Position {
            file: "-".into(),
            row: 1,
            line: 1,
            byte: 0,
        };
        row.into_record(position, &self.triage.tables.taxonomy, &options)
            .map_err(|rejected| errors::rejected(&rejected))
    }
}

fn with_ticket<T>(
    triage: &Triage,
    complaint: &Complaint,
    take: impl FnOnce(&Ticket<'_>, &mut Workspace) -> Result<T>,
) -> Result<T> {
    WORK.with_borrow_mut(|work| {
        let ticket = triage.one(complaint, work)?;
        take(&ticket, work)
    })
}

fn line_of(triage: &Triage, ticket: &Ticket<'_>) -> Result<String> {
    let mut line = Vec::new();
    write_ticket(ticket, triage.names(), &mut line)?;
    // JSON is UTF-8.
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// By head: first and second label, the words between them, and the fewest words without which it would be another.
fn why(triage: &Triage, ticket: &Ticket<'_>, work: &mut Workspace) -> Value {
    let taxonomy = &triage.tables.taxonomy;
    let text = ticket.clean.text();
    let label = |head: &str, i: usize| {
        let code = taxonomy.codes(head)[i].to_owned();
        json!({ "name": taxonomy.name(head, &code), "code": code })
    };
    let changes = triage.what_would_change(ticket, work);
    let heads = triage.head_words(ticket, work);
    let told = heads.iter().map(|found| {
        let change = changes.iter().find(|c| c.head == found.head);
        let words = found.words.iter().filter(|w| w.contribution != 0.0).map(|w| {
            json!({
                "word": &text[w.range.clone()],
                "start": w.range.start,
                "end": w.range.end,
                "contribution": (f64::from(w.contribution) * 1e4).round() / 1e4,
            })
        });
        json!({
            "head": found.head,
            "first": label(found.head, found.first),
            "second": label(found.head, found.second),
            "words": words.collect::<Vec<_>>(),
            "rest": (f64::from(found.rest) * 1e4).round() / 1e4,
            "without": change.map(|c| c.without.iter().map(|r| &text[r.clone()]).collect::<Vec<_>>()),
            "instead": change.map(|c| label(found.head, c.to)),
        })
    });
    told.collect()
}

/// Codes and names of every head, of the channels and of the queues.
pub fn taxonomy(taxonomy: &Taxonomy) -> Value {
    let pair = |code: &str, name: &str| json!({ "code": code, "name": name });
    let label = |l: &Label| json!({ "code": l.code, "name": l.name, "definition": l.definition });
    json!({
        "type": taxonomy.types.iter().map(|t| label(&t.label)).collect::<Vec<_>>(),
        "reason": taxonomy.reasons.iter().map(|r| label(&r.label)).collect::<Vec<_>>(),
        "urgency": taxonomy.levels.iter().map(|l| label(&l.label)).collect::<Vec<_>>(),
        "flags": taxonomy.flags.iter().map(label).collect::<Vec<_>>(),
        "channels": taxonomy.channels.iter().map(|c| pair(&c.code, &c.name)).collect::<Vec<_>>(),
        "queues": taxonomy.queues.iter().map(|q| pair(&q.code, &q.name)).collect::<Vec<_>>(),
    })
}
