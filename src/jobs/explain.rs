//! `xiaobao explain "…"`: one complaint decided as in triage, and why, for a person at a terminal.
//! Law: what is shown is the masked text.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

use rayon::prelude::*;

use super::Outcome;
use super::labelled::{self, heads_or_default};
use super::nearest::Index;
use crate::clean::CleanText;
use crate::complaint::{Carried, Complaint, Position};
use crate::decide::{HeadDecision, Raised};
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::reply::Slots;
use crate::source::SourceOptions;
use crate::taxonomy::{Label, head};
use crate::ticket::{EvidenceWord, Ticket, write_date};

/// What `explain` was asked to do.
#[derive(Debug)]
pub struct ExplainOptions {
    pub text: String,
    pub channel: Option<String>,
    pub received_at: Option<String>,
    pub data: PathBuf,
    pub model: PathBuf,
    /// Also show the filled handling sheet.
    pub sheet: bool,
    /// Labelled files: the texts most like this one are shown with their labels.
    pub rows: Vec<PathBuf>,
    pub colour: bool,
}

const STRONG: Style = Style::new().bold();
const TYPE_WORD: Style = AnsiColor::Cyan.on_default().bold();
const LEVEL_WORD: Style = AnsiColor::Red.on_default().bold();
const MASK: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();

pub fn run(options: &ExplainOptions) -> Result<Outcome> {
    let triage = Triage::load(&options.data, &options.model)?;
    let taxonomy = &triage.tables.taxonomy;
    if options.text.trim().is_empty() {
        return Err(Error::Usage("the text is empty".to_owned()));
    }
    let channel = match &options.channel {
        None => None,
        Some(written) => Some(taxonomy.channel(written).ok_or_else(|| {
            let codes: Vec<&str> = taxonomy.channels.iter().map(|c| c.code.as_str()).collect();
            Error::Usage(format!("--channel: use one of {}", codes.join(" ")))
        })?),
    };
    let received = match &options.received_at {
        None => None,
        Some(written) => Some(crate::clock::parse_moment(written).ok_or_else(|| {
            Error::Usage("--received-at: write 2026-03-01 or RFC 3339".to_owned())
        })?),
    };
    let complaint = Complaint {
        id: "explain".to_owned(),
        text: options.text.clone(),
        channel,
        channel_unknown: false,
        received,
        events: Vec::new(),
        labels: Vec::new(),
        complainant: None,
        institution: None,
        carried: Carried::Cells(Vec::new()),
        position: Position {
            file: Arc::from("-"),
            row: 1,
            line: 1,
            byte: 0,
        },
    };
    let mut work = Workspace::default();
    let ticket = triage.decide(&complaint, &mut work)?;
    let paint = Paint(options.colour);
    let mut out = String::new();
    explain(&triage, &ticket, paint, &mut out);
    why_this_label(&triage, &ticket, &mut work, &mut out);
    if !options.rows.is_empty() {
        nearest(&triage, &ticket, &options.rows, &mut out)?;
    }
    if options.sheet
        && let Some(template) = ticket.template(&triage.tables)
    {
        let mut slots = Slots::new();
        ticket.fill(&triage.tables, &mut slots);
        out.push('\n');
        template
            .fill(&slots, &mut out)
            .map_err(|slot| Error::Failed(format!("the sheet lacks slot `{}`", slot.name())))?;
        out.push('\n');
    }
    print!("{out}");
    Ok(Outcome::Done)
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn put(self, style: Style, text: &str, out: &mut String) {
        if self.0 {
            let _ = write!(out, "{}{text}{}", style.render(), style.render_reset());
        } else {
            out.push_str(text);
        }
    }
}

fn explain(triage: &Triage, ticket: &Ticket<'_>, paint: Paint, out: &mut String) {
    let tables = &triage.tables;
    let taxonomy = &tables.taxonomy;
    let d = &ticket.decision;
    marked_text(ticket, paint, out);
    out.push_str("\n\n");
    let label = |head: &str, i: usize| -> &Label {
        match head {
            head::TYPE => &taxonomy.types[i].label,
            head::REASON => &taxonomy.reasons[i].label,
            _ => &taxonomy.levels[i].label,
        }
    };
    let heads: [(&str, &str, &HeadDecision); 2] = [
        ("类型", head::TYPE, &d.type_),
        ("原因", head::REASON, &d.reason),
    ];
    for (title, head, decision) in heads {
        let first = label(head, decision.first().label);
        let _ = write!(out, "{title}  ");
        paint.put(STRONG, &format!("{} {}", first.code, first.name), out);
        let _ = write!(out, "  {:.2}", decision.first().prob);
        for r in decision.ranked.iter().skip(1) {
            let runner = label(head, r.label);
            let text = format!("  · {} {} {:.2}", runner.code, runner.name, r.prob);
            paint.put(QUIET, &text, out);
        }
        out.push('\n');
    }
    let level = &taxonomy.levels[d.level].label;
    out.push_str("等级  ");
    paint.put(STRONG, &format!("{} {}", level.code, level.name), out);
    out.push_str("  ");
    ticket.level_ground(tables, out);
    if d.raised_by.is_some() {
        let _ = write!(out, "（模型：{}）", ticket.modelled_level(tables));
    }
    out.push('\n');
    if !d.flags.is_empty() {
        out.push_str("标志  ");
        for f in &d.flags {
            let label = &taxonomy.flags[f.flag];
            let ground = if f.by_rule { "规则" } else { "模型" };
            let _ = write!(out, "{}（{ground} {:.2}） ", label.name, f.prob);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "方式  {}", d.band.name());
    let rule = &tables.routing.rules()[ticket.route.rule];
    let queue = &taxonomy.queues[ticket.route.queue];
    out.push_str("队列  ");
    paint.put(STRONG, &queue.name, out);
    let _ = writeln!(
        out,
        "  {} · {}（{}）",
        queue.department, rule.name, rule.why
    );
    words(
        "类型依据",
        ticket,
        &ticket.type_words,
        paint,
        TYPE_WORD,
        out,
    );
    words(
        "等级依据",
        ticket,
        &ticket.level_words,
        paint,
        LEVEL_WORD,
        out,
    );
    for fired in &ticket.findings.fired {
        let rule = &tables.cues.rules()[fired.rule as usize];
        let _ = write!(out, "规则  {} {}", rule.id, rule.name);
        if let Some(range) = &fired.range {
            let _ = write!(out, "：“{}”", &ticket.clean.text()[range.clone()]);
        }
        out.push('\n');
    }
    let demands = ticket.demands(tables);
    if !demands.is_empty() {
        let _ = writeln!(out, "诉求  {}", demands.join("、"));
    }
    if let Some(due) = &ticket.due {
        let targets = [
            &due.targets.acknowledge,
            &due.targets.first_reply,
            &due.targets.handle,
        ];
        let dates = due.statutory.iter().chain(&due.parallel).chain(targets);
        for date in dates {
            out.push_str("时限  ");
            write_date(date, out);
            let _ = writeln!(
                out,
                "  {}  {}",
                date.label,
                date.article.unwrap_or("内部目标")
            );
        }
    }
    let _ = writeln!(out, "模型  {}", triage.bundle.id());
}

/// Words shown for and against a label.
const SHOWN_WORDS: usize = 5;

/// For each head the words between its first and second label, and what would have turned it.
fn why_this_label(triage: &Triage, ticket: &Ticket<'_>, work: &mut Workspace, out: &mut String) {
    let tables = &triage.tables;
    let code = |name: &str, label: usize| tables.taxonomy.codes(name)[label].to_owned();
    let changes = triage.what_would_change(ticket, work);
    let text = ticket.clean.text();
    for found in triage.head_words(ticket, work) {
        let title = title(found.head);
        let (first, second) = (
            code(found.head, found.first),
            code(found.head, found.second),
        );
        let _ = write!(out, "\n{title}：为何是 {first} 而不是 {second}");
        if found.head == head::URGENCY {
            out.push_str("（模型自己的等级）");
        }
        out.push('\n');
        let mut side = |name: &str, words: &mut dyn Iterator<Item = &EvidenceWord>| {
            let told: Vec<String> = words
                .take(SHOWN_WORDS)
                .map(|w| format!("{} {:+.2}", &text[w.range.clone()], w.contribution))
                .collect();
            if !told.is_empty() {
                let _ = writeln!(out, "  {name}  {}", told.join("  "));
            }
        };
        side(
            "支持",
            &mut found.words.iter().filter(|w| w.contribution > 0.0),
        );
        side(
            "反对",
            &mut found.words.iter().rev().filter(|w| w.contribution < 0.0),
        );
        let sum: f32 = found.words.iter().map(|w| w.contribution).sum();
        let _ = writeln!(
            out,
            "  合计  全部词 {sum:+.2}，其余（规则信号与偏置）{:+.2}",
            found.rest
        );
        let change = changes.iter().find(|c| c.head == found.head);
        let _ = match change {
            Some(change) => {
                let words = change
                    .without
                    .iter()
                    .map(|r| format!("“{}”", &text[r.clone()]));
                writeln!(
                    out,
                    "  若无  {} 则为 {} {}",
                    words.collect::<Vec<_>>().join(""),
                    code(found.head, change.to),
                    tables
                        .taxonomy
                        .name(found.head, &code(found.head, change.to))
                )
            }
            None => writeln!(out, "  若无  去掉任何少数几个词都不改变"),
        };
    }
    if let Some(Raised::Rule(i)) = ticket.decision.raised_by {
        let rule = &tables.cues.rules()[ticket.findings.fired[i].rule as usize];
        let _ = writeln!(
            out,
            "  若无规则 {}（{}），等级为 {}",
            rule.id,
            rule.name,
            ticket.modelled_level(tables)
        );
    }
}

fn title(name: &str) -> &'static str {
    match name {
        head::TYPE => "类型",
        head::REASON => "原因",
        _ => "等级",
    }
}

/// Labelled texts shown.
const N_NEAREST: usize = 3;
/// Characters of each.
const NEAREST_CHARS: usize = 60;

fn nearest(
    triage: &Triage,
    ticket: &Ticket<'_>,
    paths: &[PathBuf],
    out: &mut String,
) -> Result<()> {
    let tables = &triage.tables;
    let source = tables.source_options(&SourceOptions::default())?;
    let rows = labelled::read(paths, &source, tables, &heads_or_default(&[]), None)?.rows;
    let cleaned: Vec<CleanText> = rows
        .par_iter()
        .map(|r| tables.cleaner.apply(&r.text))
        .collect();
    let totals = |clean: &CleanText| {
        let segments = triage.front().segment(clean);
        triage.bundle.vocabulary().apply(&segments, &[]).totals()
    };
    let index = Index::new(&cleaned.par_iter().map(totals).collect::<Vec<_>>());
    out.push_str("\n最相近的已标注文本\n");
    let own = ticket.clean.text();
    for near in index.nearest(&totals(&ticket.clean), N_NEAREST, |i| {
        cleaned[i].text() == own
    }) {
        let row = &rows[near.row];
        let shown: String = cleaned[near.row]
            .text()
            .chars()
            .take(NEAREST_CHARS)
            .collect();
        let _ = writeln!(
            out,
            "  {:.2}  {}  {}:{}  {}",
            near.cosine,
            row.labels.join(" "),
            row.position.file,
            row.position.line,
            shown.replace('\n', " ")
        );
    }
    Ok(())
}

fn words(
    title: &str,
    ticket: &Ticket<'_>,
    words: &[EvidenceWord],
    paint: Paint,
    style: Style,
    out: &mut String,
) {
    if words.is_empty() {
        return;
    }
    let _ = write!(out, "{title}  ");
    for (word, text) in words.iter().zip(ticket.words(words)) {
        paint.put(style, text, out);
        let _ = write!(out, " {:+.2}  ", word.contribution);
    }
    out.push('\n');
}

/// The masked text with its deciding words in colour.
fn marked_text(ticket: &Ticket<'_>, paint: Paint, out: &mut String) {
    let text = ticket.clean.text();
    let mut spans: Vec<(std::ops::Range<usize>, Style)> = Vec::new();
    for mask in ticket.clean.masks() {
        spans.push((mask.range.clone(), MASK));
    }
    for word in &ticket.type_words {
        spans.push((word.range.clone(), TYPE_WORD));
    }
    for word in &ticket.level_words {
        spans.push((word.range.clone(), LEVEL_WORD));
    }
    spans.sort_by_key(|(range, _)| (range.start, range.end));
    let mut at = 0;
    for (range, style) in spans {
        if range.start < at {
            continue;
        }
        out.push_str(&text[at..range.start]);
        paint.put(style, &text[range.clone()], out);
        at = range.end;
    }
    out.push_str(&text[at..]);
}
