//! Everything that was found out about one complaint, and the slots of its handling sheet.
//! Law: it holds the masked text only; the raw text stays in `Complaint`, which prints none.

use std::fmt::Write;
use std::ops::Range;

use crate::clean::{CleanText, Speaker};
use crate::clock::{Due, DueDate};
use crate::complaint::Complaint;
use crate::cues::Findings;
use crate::decide::{Decision, Raised};
use crate::reply::{Slot, Slots, Template};
use crate::route::Route;
use crate::tables::Tables;
use crate::taxonomy::head;

/// A word of the masked text and how far it moved the logit, exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceWord {
    /// Bytes of `CleanText::text`.
    pub range: Range<usize>,
    /// In logits; positive speaks for the label.
    pub contribution: f32,
}

/// Which model's logits a decision was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    Fast,
    /// The words of evidence are still the fast model's.
    Encoder {
        /// The type that the fast model had put first.
        fast_type: usize,
    },
}

impl Judge {
    pub fn code(self) -> &'static str {
        match self {
            Judge::Fast => "fast",
            Judge::Encoder { .. } => "encoder",
        }
    }
}

/// A decided complaint.
#[derive(Debug)]
pub struct Ticket<'c> {
    pub complaint: &'c Complaint,
    pub clean: CleanText,
    pub decision: Decision,
    pub judge: Judge,
    pub findings: Findings,
    pub route: Route,
    /// `None` if the record says not when it was received.
    pub due: Option<Due>,
    /// Words that spoke most for the type, and for the level the model gave.
    pub type_words: Vec<EvidenceWord>,
    pub level_words: Vec<EvidenceWord>,
    /// SHA-256 of the masked text, hex.
    pub text_sha256: String,
}

/// Shown where the complaint says nothing.
pub const NOT_SAID: &str = "未提及，请向投诉人核实";
/// Shown where no date can be computed.
pub const NO_RECEIPT: &str = "未提供受理时间";

impl Ticket<'_> {
    pub fn type_code<'t>(&self, tables: &'t Tables) -> &'t str {
        &tables.taxonomy.types[self.decision.type_.first().label]
            .label
            .code
    }

    pub fn template<'t>(&self, tables: &'t Tables) -> Option<&'t Template> {
        let named = tables.routing.rules()[self.route.rule].template.as_deref();
        tables.templates.choose(named, self.type_code(tables))
    }

    /// Distinct words, the strongest first.
    pub fn words<'s>(&'s self, words: &'s [EvidenceWord]) -> impl Iterator<Item = &'s str> {
        words.iter().map(|w| &self.clean.text()[w.range.clone()])
    }

    /// Distinct amounts, dates, products or demands as the text has them, joined.
    pub fn amounts(&self, out: &mut String) {
        let ranges = self.findings.facts.amounts.iter().map(|a| &a.range);
        self.join(ranges, out);
    }

    pub fn dates(&self, out: &mut String) {
        self.join(self.findings.facts.dates.iter().map(|d| &d.range), out);
    }

    pub fn demands<'t>(&self, tables: &'t Tables) -> Vec<&'t str> {
        let mut names: Vec<&str> = Vec::new();
        for hit in &self.findings.demands {
            let name = tables.cues.demand_name(hit);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    pub fn products<'t>(&self, tables: &'t Tables) -> Vec<&'t str> {
        let mut names: Vec<&str> = Vec::new();
        for hit in &self.findings.products {
            let name = tables.cues.product_name(hit);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn join<'r>(&self, ranges: impl Iterator<Item = &'r Range<usize>>, out: &mut String) {
        let text = self.clean.text();
        let mut seen: Vec<&str> = Vec::new();
        for range in ranges {
            let part = &text[range.clone()];
            // Six are enough for a sheet; all stand in the record.
            if seen.len() < 6 && !seen.contains(&part) {
                if !seen.is_empty() {
                    out.push('；');
                }
                out.push_str(part);
                seen.push(part);
            }
        }
    }

    /// Names of the rules that fired.
    pub fn rule_names<'t>(&'t self, tables: &'t Tables) -> impl Iterator<Item = &'t str> {
        self.findings
            .fired
            .iter()
            .map(|f| tables.cues.rules()[f.rule as usize].name.as_str())
    }

    /// Turns of the institution's side: kept as evidence, not decided on.
    pub fn agent_turns(&self) -> usize {
        let turns = self.clean.turns();
        turns.iter().filter(|t| t.speaker == Speaker::Agent).count()
    }

    /// First characters of the masked text, line breaks as spaces.
    pub fn excerpt(&self, n_chars: usize, out: &mut String) {
        let text = self.clean.text();
        let end = text
            .char_indices()
            .nth(n_chars)
            .map_or(text.len(), |(at, _)| at);
        // A mask is never cut in two.
        let masks = self.clean.masks();
        let end = masks
            .iter()
            .find(|m| m.range.start < end && end < m.range.end)
            .map_or(end, |m| m.range.start);
        out.extend(text[..end].chars().map(|c| if c == '\n' { ' ' } else { c }));
        if end < text.len() {
            out.push('…');
        }
    }

    /// Why the level is what it is, for people.
    pub fn level_ground(&self, tables: &Tables, out: &mut String) {
        match self.decision.raised_by {
            Some(Raised::Rule(i)) => {
                let rule = &tables.cues.rules()[self.findings.fired[i].rule as usize];
                out.push_str("规则：");
                out.push_str(&rule.name);
            }
            Some(Raised::Caution(prob)) => {
                let level = &tables.taxonomy.levels[self.decision.level].label;
                let _ = write!(out, "从严：{}及以上的概率 {prob:.2}", level.name);
                self.level_grounds(out);
            }
            None => {
                let first = self.decision.urgency.first();
                let judge = match self.judge {
                    Judge::Fast => "模型",
                    Judge::Encoder { .. } => "编码器",
                };
                let _ = write!(out, "{judge}判断（概率 {:.2}）", first.prob);
                self.level_grounds(out);
            }
        }
    }

    fn level_grounds(&self, out: &mut String) {
        for (i, word) in self.words(&self.level_words).take(3).enumerate() {
            out.push_str(match (i, self.judge) {
                (0, Judge::Fast) => "，依据：",
                (0, Judge::Encoder { .. }) => "，快速模型的依据：",
                _ => "、",
            });
            out.push_str(word);
        }
    }

    /// The filled handling sheet; none if the route has no template, or the template a slot that cannot be filled.
    pub fn sheet(&self, tables: &Tables) -> Option<String> {
        let template = self.template(tables)?;
        let mut slots = Slots::new();
        self.fill(tables, &mut slots);
        let mut out = String::new();
        template.fill(&slots, &mut out).ok()?;
        Some(out)
    }

    /// Fills every slot of the handling sheet.
    pub fn fill(&self, tables: &Tables, slots: &mut Slots) {
        let taxonomy = &tables.taxonomy;
        let d = &self.decision;
        let type_ = &taxonomy.types[d.type_.first().label];
        let reason = &taxonomy.reasons[d.reason.first().label];
        let level = &taxonomy.levels[d.level];
        let queue = &taxonomy.queues[self.route.queue];
        slots.clear(Slot::id).push_str(&self.complaint.id);
        slots.clear(Slot::r#type).push_str(&type_.label.name);
        slots.clear(Slot::type_code).push_str(&type_.label.code);
        slots.clear(Slot::reason).push_str(&reason.label.name);
        slots.clear(Slot::reason_code).push_str(&reason.label.code);
        slots.clear(Slot::urgency).push_str(&level.label.name);
        slots.clear(Slot::urgency_code).push_str(&level.label.code);
        slots.clear(Slot::band).push_str(d.band.name());
        slots.clear(Slot::queue).push_str(&queue.name);
        slots.clear(Slot::department).push_str(&queue.department);
        let channel = self
            .complaint
            .channel
            .map(|c| taxonomy.channels[c].name.as_str());
        slots
            .clear(Slot::channel)
            .push_str(channel.unwrap_or("未注明"));
        let rights = reason
            .rights
            .iter()
            .map(|r| taxonomy.rights[*r].name.as_str());
        join_names(rights, "、", "未对应具体权利", slots.clear(Slot::rights));
        self.level_ground(tables, slots.clear(Slot::urgency_why));
        let flags = d.flags.iter().map(|f| taxonomy.flags[f.flag].name.as_str());
        join_names(flags, "、", "无", slots.clear(Slot::flags));
        let recusal = d.flags.iter().map(|f| taxonomy.recusal[f.flag].as_str());
        join_names(
            recusal.filter(|note| !note.is_empty()),
            "；",
            "核实人员与投诉事项无直接利益关系",
            slots.clear(Slot::recusal),
        );
        or_not_said(slots.clear(Slot::amounts), |out| self.amounts(out));
        or_not_said(slots.clear(Slot::dates), |out| self.dates(out));
        let products = self.products(tables);
        join_names(
            products.into_iter(),
            "、",
            NOT_SAID,
            slots.clear(Slot::products),
        );
        let demands = self.demands(tables);
        join_names(
            demands.into_iter(),
            "、",
            NOT_SAID,
            slots.clear(Slot::demands),
        );
        self.excerpt(80, slots.clear(Slot::excerpt));
        self.fill_dates(slots);
    }

    fn fill_dates(&self, slots: &mut Slots) {
        let out = slots.clear(Slot::received_at);
        match &self.complaint.received {
            Some(at) => at.write_to(out),
            None => out.push_str(NO_RECEIPT),
        }
        let due = self.due.as_ref();
        let mut put = |slot: Slot, date: Option<&DueDate>| {
            let out = slots.clear(slot);
            match (due, date) {
                (None, _) => out.push_str(NO_RECEIPT),
                (Some(_), Some(date)) => write_date(date, out),
                (Some(due), None) => out.push_str(due.status.label()),
            }
        };
        let targets = due.map(|d| &d.targets);
        put(Slot::acknowledge_by, targets.map(|t| &t.acknowledge));
        put(Slot::first_reply_by, targets.map(|t| &t.first_reply));
        put(Slot::handle_by, targets.map(|t| &t.handle));
        put(Slot::due_now, due.and_then(|d| d.in_force.as_ref()));
        let statutory = |id| due.and_then(|d| d.statutory.iter().find(|s| s.id == id));
        put(Slot::due_simple, statutory("answer_simple"));
        put(Slot::due_complex, statutory("answer_complex"));
        put(Slot::due_special, statutory("answer_special"));
        let out = slots.clear(Slot::due_articles);
        if let Some(article) = due.and_then(|d| d.in_force.as_ref()?.article) {
            out.push_str(article);
        }
        let out = slots.clear(Slot::parallel);
        for (i, date) in due
            .map(|d| d.parallel.as_slice())
            .unwrap_or(&[])
            .iter()
            .enumerate()
        {
            if i > 0 {
                out.push('；');
            }
            out.push_str(date.label);
            out.push(' ');
            write_date(date, out);
        }
        if out.is_empty() {
            out.push('无');
        }
    }

    /// Chinese name of the level that the model gave, before rules.
    pub fn modelled_level<'t>(&self, tables: &'t Tables) -> &'t str {
        let label = self.decision.urgency.first().label;
        let code = &tables.taxonomy.levels[label].label.code;
        tables.taxonomy.name(head::URGENCY, code)
    }
}

/// A due date as people read it: `2025-02-08`, with a time where it has one.
pub fn write_date(date: &DueDate, out: &mut String) {
    match &date.by {
        Some(by) => {
            by.write_to(out);
            if date.provisional {
                out.push_str("（暂定）");
            }
        }
        None => out.push_str("暂停中"),
    }
}

fn join_names<'n>(
    names: impl Iterator<Item = &'n str>,
    between: &str,
    none: &str,
    out: &mut String,
) {
    for name in names {
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(name);
    }
    if out.is_empty() {
        out.push_str(none);
    }
}

fn or_not_said(out: &mut String, write: impl FnOnce(&mut String)) {
    write(out);
    if out.is_empty() {
        out.push_str(NOT_SAID);
    }
}
