//! `Ticket` or `Rejected` to one JSON line: the object of the filter and of `decisions.jsonl`.
//! Top-level codes are strings; everything else is nested.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq};

use crate::clock::Due;
use crate::complaint::{Carried, Rejected};
use crate::decide::{HeadDecision, Raised, ReviewGround};
use crate::error::{Error, Result};
use crate::tables::Tables;
use crate::taxonomy::head;
use crate::ticket::{EvidenceWord, Judge, Ticket};

/// What the writers need beside a ticket.
#[derive(Clone, Copy)]
pub struct Names<'t> {
    pub tables: &'t Tables,
    pub bundle_id: &'t str,
    /// Id of the encoder bundle behind the fast one, with `--cascade`.
    pub encoder_id: Option<&'t str>,
}

impl<'t> Names<'t> {
    /// Id of the bundle that judged a ticket.
    pub fn bundle_of(&self, ticket: &Ticket<'_>) -> &'t str {
        match (ticket.judge, self.encoder_id) {
            (Judge::Encoder { .. }, Some(id)) => id,
            _ => self.bundle_id,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    r#type: &'a str,
    reason: &'a str,
    urgency: &'a str,
    band: &'static str,
    queue: &'a str,
    template: &'a str,
    masked_text: &'a str,
    labels: Labels<'a>,
    evidence: Evidence<'a>,
    due: Option<&'a Due>,
    route: RouteView<'a>,
    facts: Facts<'a>,
    bundle: &'a str,
    /// With `--cascade`: which tier judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'static str>,
    source: Place<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    carried: &'a Carried,
}

fn is_empty(carried: &&Carried) -> bool {
    match carried {
        Carried::Cells(cells) => cells.is_empty(),
        Carried::Members(members) => members.is_empty(),
    }
}

impl Serialize for Carried {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Carried::Cells(cells) => cells.serialize(s),
            Carried::Members(members) => members.serialize(s),
        }
    }
}

#[derive(Serialize)]
struct Labels<'a> {
    r#type: Ranking<'a>,
    reason: Ranking<'a>,
    urgency: Ranking<'a>,
    flags: Flags<'a>,
}

struct Ranking<'a> {
    head: &'static str,
    decision: &'a HeadDecision,
    tables: &'a Tables,
}

#[derive(Serialize)]
struct LabelView<'a> {
    code: &'a str,
    name: &'a str,
    prob: f64,
}

/// Four decimals: more would be noise.
fn round(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

impl Serialize for Ranking<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        let taxonomy = &self.tables.taxonomy;
        let label = |i: usize| match self.head {
            head::TYPE => &taxonomy.types[i].label,
            head::REASON => &taxonomy.reasons[i].label,
            _ => &taxonomy.levels[i].label,
        };
        let ranked = &self.decision.ranked;
        let mut map = s.serialize_map(Some(2))?;
        map.serialize_entry("band", self.decision.band.code())?;
        let views: Vec<LabelView<'_>> = ranked
            .iter()
            .map(|r| LabelView {
                code: &label(r.label).code,
                name: &label(r.label).name,
                prob: round(r.prob),
            })
            .collect();
        map.serialize_entry("ranked", &views)?;
        map.end()
    }
}

struct Flags<'a>(&'a Ticket<'a>, &'a Tables);

impl Serialize for Flags<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            code: &'a str,
            name: &'a str,
            prob: f64,
            by_rule: bool,
        }
        let flags = &self.0.decision.flags;
        let mut seq = s.serialize_seq(Some(flags.len()))?;
        for f in flags {
            let label = &self.1.taxonomy.flags[f.flag];
            seq.serialize_element(&View {
                code: &label.code,
                name: &label.name,
                prob: round(f.prob),
                by_rule: f.by_rule,
            })?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct Evidence<'a> {
    type_words: Words<'a>,
    urgency_words: Words<'a>,
    /// Whose words they are, where another model judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    words_by: Option<&'static str>,
    /// The level before rules.
    urgency_by_model: &'a str,
    /// Id of the rule, or `caution` where the model alone raised in doubt.
    #[serde(skip_serializing_if = "Option::is_none")]
    raised_by: Option<&'a str>,
    rules: Vec<RuleView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review_ground: Option<ReviewGround>,
    masks: BTreeMap<&'static str, usize>,
    agent_turns: usize,
    text_sha256: &'a str,
}

struct Words<'a>(&'a str, &'a [EvidenceWord]);

impl Serialize for Words<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            word: &'a str,
            start: usize,
            end: usize,
            contribution: f64,
        }
        let mut seq = s.serialize_seq(Some(self.1.len()))?;
        for w in self.1 {
            seq.serialize_element(&View {
                word: &self.0[w.range.clone()],
                start: w.range.start,
                end: w.range.end,
                contribution: round(w.contribution),
            })?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct RuleView<'a> {
    id: &'a str,
    name: &'a str,
    /// The level that it raises to; not there where the model finds that improbable.
    #[serde(skip_serializing_if = "Option::is_none")]
    raises: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'a str>,
}

#[derive(Serialize)]
struct RouteView<'a> {
    rule: &'a str,
    why: &'a str,
    queue_name: &'a str,
    department: &'a str,
}

#[derive(Serialize)]
struct Facts<'a> {
    amounts: Vec<&'a str>,
    dates: Vec<&'a str>,
    demands: Vec<&'a str>,
    products: Vec<&'a str>,
    channel: Option<&'a str>,
    channel_unknown: bool,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    row: u64,
    line: u64,
}

/// Appends one line, with its line feed.
pub fn write_ticket(ticket: &Ticket<'_>, names: Names<'_>, out: &mut Vec<u8>) -> Result<()> {
    let tables = names.tables;
    let taxonomy = &tables.taxonomy;
    let text = ticket.clean.text();
    let d = &ticket.decision;
    let rules = tables.cues.rules();
    let mut masks: BTreeMap<&'static str, usize> = BTreeMap::new();
    for mask in ticket.clean.masks() {
        *masks.entry(mask.kind.code()).or_default() += 1;
    }
    let rank = |head: &'static str, decision| Ranking {
        head,
        decision,
        tables,
    };
    let facts = &ticket.findings.facts;
    let rule = &tables.routing.rules()[ticket.route.rule];
    let queue = &taxonomy.queues[ticket.route.queue];
    let line = Line {
        id: &ticket.complaint.id,
        r#type: ticket.type_code(tables),
        reason: &taxonomy.reasons[d.reason.first().label].label.code,
        urgency: &taxonomy.levels[d.level].label.code,
        band: d.band.code(),
        queue: &queue.code,
        template: ticket.template(tables).map_or("", |t| &t.stem),
        masked_text: text,
        labels: Labels {
            r#type: rank(head::TYPE, &d.type_),
            reason: rank(head::REASON, &d.reason),
            urgency: rank(head::URGENCY, &d.urgency),
            flags: Flags(ticket, tables),
        },
        evidence: Evidence {
            type_words: Words(text, &ticket.type_words),
            urgency_words: Words(text, &ticket.level_words),
            words_by: (ticket.judge != Judge::Fast).then_some(Judge::Fast.code()),
            urgency_by_model: &taxonomy.levels[d.urgency.first().label].label.code,
            raised_by: d.raised_by.map(|by| match by {
                Raised::Rule(i) => rules[ticket.findings.fired[i].rule as usize].id.as_str(),
                Raised::Caution(_) => "caution",
            }),
            rules: ticket
                .findings
                .fired
                .iter()
                .zip(&d.rule_levels)
                .map(|(f, level)| {
                    let rule = &rules[f.rule as usize];
                    RuleView {
                        id: &rule.id,
                        name: &rule.name,
                        raises: level.map(|l| taxonomy.levels[l].label.code.as_str()),
                        flag: rule.flag.as_deref(),
                        words: f.range.clone().map(|r| &text[r]),
                    }
                })
                .collect(),
            review_ground: d.review_ground,
            masks,
            agent_turns: ticket.agent_turns(),
            text_sha256: &ticket.text_sha256,
        },
        due: ticket.due.as_ref(),
        route: RouteView {
            rule: &rule.name,
            why: &rule.why,
            queue_name: &queue.name,
            department: &queue.department,
        },
        facts: Facts {
            amounts: facts
                .amounts
                .iter()
                .map(|a| &text[a.range.clone()])
                .collect(),
            dates: facts.dates.iter().map(|d| &text[d.range.clone()]).collect(),
            demands: ticket.demands(tables),
            products: ticket.products(tables),
            channel: ticket
                .complaint
                .channel
                .map(|c| taxonomy.channels[c].code.as_str()),
            channel_unknown: ticket.complaint.channel_unknown,
        },
        bundle: names.bundle_of(ticket),
        model: names.encoder_id.map(|_| ticket.judge.code()),
        source: Place {
            file: &ticket.complaint.position.file,
            row: ticket.complaint.position.row,
            line: ticket.complaint.position.line,
        },
        carried: &ticket.complaint.carried,
    };
    line_of(&line, out)
}

/// Appends one line `{"rejected": {…}}`.
pub fn write_rejected(rejected: &Rejected, out: &mut Vec<u8>) -> Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        rejected: &'a Rejected,
    }
    line_of(&Line { rejected }, out)
}

/// Appends any value as one line.
pub fn line_of<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(&mut *out, value)
        .map_err(|e| Error::Failed(format!("a line cannot be written as JSON: {e}")))?;
    out.push(b'\n');
    Ok(())
}
