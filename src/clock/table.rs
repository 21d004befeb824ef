//! The walk over `clock.toml`, cell by cell: what `ClockRules::parse` calls.
//! Law: nothing is left unchecked that a user can write; an article from memory is refused in every cell.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use toml::de::DeTable;

use super::rules::{ClockRules, Duty, Mark, N_LIMITS, NAMES, Parallel, Rule, WarnPoint};
use super::sheet::{Row, Sheet};
use super::span::{Span, Unit};

struct Law<'a> {
    id: &'a str,
    title: &'a str,
    in_force: Option<Date>,
}

/// `None` only with faults in `sheet`.
pub(super) fn read_all<'t>(sheet: &mut Sheet<'t>, top: &DeTable<'t>) -> Option<ClockRules> {
    sheet.only(top, &["count", "law", "rule", "parallel"]);
    let laws = read_laws(sheet, top);
    let count = read_count(sheet, top);
    let rows = sheet.rows(top, "rule");
    for (name, row) in &rows {
        if !NAMES.contains(name) {
            let mend = format!("use one of: {}", NAMES.join(", "));
            sheet.fault(row.line, format!("unknown rule `{name}`"), mend);
        }
    }
    let (mut rules, mut limits) = (Vec::new(), [0; N_LIMITS]);
    for (i, name) in NAMES.iter().enumerate() {
        let Some((_, row)) = rows.iter().find(|(n, _)| n == name) else {
            sheet.fault(
                0,
                format!("[rule.{name}] is missing"),
                "add it with label, law, article, mark and note",
            );
            continue;
        };
        let Some(rule) = read_rule(sheet, &laws, name, *row, i < N_LIMITS, &[]) else {
            continue;
        };
        if let Some(limit) = rule.limit {
            if limit.unit != Unit::NaturalDays {
                let line = sheet.line_of(*row, "limit");
                sheet.fault(
                    line,
                    format!("`{name}` is not in natural days"),
                    "write it as 15d: every 日 of the order is a natural day",
                );
            }
            limits[i] = limit.n;
        }
        rules.push(rule);
    }
    if rules.len() == NAMES.len() && !(limits[0] < limits[1] && limits[1] < limits[2]) {
        sheet.fault(
            0,
            "the answer limits do not grow",
            "keep answer_simple < answer_complex < answer_special",
        );
    }
    let parallel = read_parallel(sheet, top, &laws);
    let in_force = rows
        .iter()
        .find(|(name, _)| *name == NAMES[0])
        .and_then(|(_, row)| row.cells.get("law")?.get_ref().as_str())
        .and_then(|id| laws.iter().find(|law| law.id == id)?.in_force);
    let (conservative, warn_at) = count?;
    (rules.len() == NAMES.len()).then_some(ClockRules {
        rules,
        limits,
        parallel,
        warn_at,
        conservative,
        in_force,
    })
}

fn read_laws<'a, 't>(sheet: &mut Sheet<'t>, top: &'a DeTable<'t>) -> Vec<Law<'a>> {
    let mut laws = Vec::new();
    for (id, row) in sheet.rows(top, "law") {
        sheet.only(row.cells, &["title", "number", "in_force", "mark"]);
        let title = sheet.needed(row, "title");
        sheet.text(row, "number");
        sheet.parsed::<Mark>(row, "mark");
        let day = row.cells.get("in_force");
        let in_force = day.and_then(|d| d.get_ref().as_datetime()?.date);
        let in_force =
            in_force.and_then(|d| Date::new(d.year as i16, d.month as i8, d.day as i8).ok());
        if day.is_some() && in_force.is_none() {
            sheet.fault(
                sheet.line_of(row, "in_force"),
                "`in_force` is no date",
                "write it without quotes: 2020-03-01",
            );
        }
        // A law with a fault is kept, so that its rules do not all seem to lack one.
        laws.push(Law {
            id,
            title: title.unwrap_or_default(),
            in_force,
        });
    }
    laws
}

type Count = (bool, Vec<(&'static str, WarnPoint)>);

fn read_count<'t>(sheet: &mut Sheet<'t>, top: &DeTable<'t>) -> Option<Count> {
    let Some(value) = top.get("count") else {
        sheet.fault(
            0,
            "[count] is missing",
            "add it with conservative and warn_at",
        );
        return None;
    };
    let row = sheet.row("count", value)?;
    sheet.only(row.cells, &["conservative", "warn_at"]);
    let conservative = row
        .cells
        .get("conservative")
        .and_then(|v| v.get_ref().as_bool());
    if conservative.is_none() {
        let line = sheet.line_of(row, "conservative");
        sheet.fault(
            line,
            "`conservative` is neither true nor false",
            "write conservative = false",
        );
    }
    let points = row
        .cells
        .get("warn_at")
        .and_then(|v| v.get_ref().as_array());
    let read = points.map(|list| {
        list.iter()
            .map(|v| warn_point(v.get_ref().as_str()?))
            .collect()
    });
    let Some(Some(warn_at)) = read else {
        let line = sheet.line_of(row, "warn_at");
        sheet.fault(
            line,
            "`warn_at` cannot be read",
            "write a list such as [\"50%\", \"80%\", \"T-2d\"]",
        );
        return None;
    };
    Some((conservative?, warn_at))
}

fn warn_point(text: &str) -> Option<(&'static str, WarnPoint)> {
    let number = |digits: &str, max| digits.parse().ok().filter(|n| (1..=max).contains(n));
    let point = if let Some(percent) = text.strip_suffix('%') {
        WarnPoint::Percent(number(percent, 99)?)
    } else {
        let days = text.strip_prefix("T-")?.strip_suffix('d')?;
        WarnPoint::DaysBefore(number(days, 59)?)
    };
    Some((keep(text), point))
}

fn read_rule<'t>(
    sheet: &mut Sheet<'t>,
    laws: &[Law<'_>],
    id: &str,
    row: Row<'_, 't>,
    limited: bool,
    more: &[&str],
) -> Option<Rule> {
    let mut known = vec!["label", "limit", "duty", "law", "article", "mark", "note"];
    known.extend(more);
    sheet.only(row.cells, &known);
    let label = sheet.needed(row, "label");
    let note = sheet.needed(row, "note");
    let mark = sheet.parsed::<Mark>(row, "mark");
    let (mut limit, mut duty) = (None, Some(Duty::Institution));
    if limited {
        limit = sheet.parsed::<Span>(row, "limit");
        duty = sheet.parsed(row, "duty");
    } else {
        sheet.absent(row, "limit", "delete it: this rule has no number");
        sheet.absent(row, "duty", "delete it: this rule has no number");
    }
    let article = read_article(sheet, laws, row, mark?);
    let texts = [label, note];
    if mark == Some(Mark::M) && texts.into_iter().flatten().any(names_article) {
        sheet.fault(
            row.line,
            "an unverified line (mark M) names an article",
            "take 第…条 out of label and note",
        );
    }
    if limited {
        limit?;
    }
    Some(Rule {
        id: keep(id),
        label: keep(label?),
        duty: duty?,
        article: article.as_deref().map(keep),
        mark: mark?,
        note: keep(note?),
        limit,
    })
}

/// The law's title and the article as they may be printed.
fn read_article<'t>(
    sheet: &mut Sheet<'t>,
    laws: &[Law<'_>],
    row: Row<'_, 't>,
    mark: Mark,
) -> Option<String> {
    if mark == Mark::D {
        sheet.absent(
            row,
            "law",
            "delete it, or mend the mark: D is without a law",
        );
        sheet.absent(
            row,
            "article",
            "delete it, or mend the mark: D is without a law",
        );
        return None;
    }
    let id = sheet.needed(row, "law")?;
    let Some(law) = laws.iter().find(|law| law.id == id) else {
        let line = sheet.line_of(row, "law");
        sheet.fault(
            line,
            format!("[law.{id}] is missing"),
            "add it, or mend `law`",
        );
        return None;
    };
    if mark == Mark::M {
        sheet.absent(
            row,
            "article",
            "delete it: an article from memory is never shown",
        );
        return Some(format!("{}（条文未核实）", law.title));
    }
    let article = sheet.needed(row, "article")?;
    Some(format!("{}{article}", law.title))
}

fn names_article(text: &str) -> bool {
    text.split_once('第')
        .is_some_and(|(_, rest)| rest.contains('条'))
}

fn read_parallel<'t>(sheet: &mut Sheet<'t>, top: &DeTable<'t>, laws: &[Law<'_>]) -> Vec<Parallel> {
    let Some(value) = top.get("parallel") else {
        return Vec::new();
    };
    let line = sheet.line(value.span());
    let Some(list) = value.get_ref().as_array() else {
        sheet.fault(line, "`parallel` is no list", "write each as [[parallel]]");
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut parallel = Vec::new();
    for value in list.iter() {
        let Some(row) = sheet.row("parallel", value) else {
            continue;
        };
        let name = sheet.needed(row, "name");
        let id = sheet.needed(row, "id");
        let from = sheet.parsed(row, "from");
        let if_unknown = sheet.parsed(row, "if_unknown");
        if let Some(id) = id
            && (NAMES.contains(&id) || !seen.insert(id))
        {
            let line = sheet.line_of(row, "id");
            sheet.fault(
                line,
                format!("`{id}` is taken"),
                "give each clock its own id",
            );
        }
        let more = ["name", "id", "from", "if_unknown"];
        let rule = read_rule(sheet, laws, id.unwrap_or_default(), row, true, &more);
        if let (Some(name), Some(from), Some(if_unknown), Some(rule)) =
            (name, from, if_unknown, rule)
            && let Some(limit) = rule.limit
        {
            let name = keep(name);
            parallel.push(Parallel {
                name,
                rule,
                limit,
                from,
                if_unknown,
            });
        }
    }
    parallel
}

/// `text` for as long as the program runs; the same text is kept once, however often tables are loaded.
fn keep(text: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    text
}
