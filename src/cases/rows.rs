//! Repeats and alarms to rows of `repeats.csv` and `alerts.csv`, as Excel opens them.
//! Law: masked text only; no cell can run as a formula.

use std::fmt::Write;

use super::link::{Proposal, Repeat};
use super::novelty::NewClause;
use super::store::Kept;
use crate::clock::RuleId;
use crate::sink::Row;
use crate::tables::Tables;

/// Header of `repeats.csv`, without the byte order mark.
pub fn repeats_header() -> Vec<u8> {
    header(&[
        "受理编号",
        "收到时间",
        "原投诉编号",
        "原投诉收到时间",
        "本案已收各次",
        "同一事项的概率",
        "距首次天数",
        "新内容（已脱敏）",
        "新事实种类",
        "处理建议",
        "依据",
        "被投诉机构",
        "类型代码",
    ])
}

fn header(names: &[&str]) -> Vec<u8> {
    let mut row = Row::new();
    for name in names {
        row.put(name);
    }
    row.finish()
}

/// One row of `repeats.csv`.
pub fn repeat_row(group: &[Kept], repeat: &Repeat, tables: &Tables) -> Vec<u8> {
    let own = &group[repeat.at];
    let parent = &group[repeat.before[0]];
    let mut row = Row::new();
    row.put(&own.telling.id);
    row.put(&own.telling.received());
    row.put(&parent.telling.id);
    row.put(&parent.telling.received());
    let mut receipts = String::new();
    for i in repeat.before.iter().chain([&repeat.at]) {
        let telling = &group[*i].telling;
        if !receipts.is_empty() {
            receipts.push('；');
        }
        receipts.push_str(&telling.id);
        let received = telling.received();
        if !received.is_empty() {
            let _ = write!(receipts, "（{received}）");
        }
    }
    row.put(&receipts);
    row.put(&format!("{:.3}", repeat.prob));
    row.put(&(own.day - parent.day).to_string());
    row.put(&shown(&own.telling.text, &repeat.new));
    let mut kinds: Vec<_> = repeat.new.iter().flat_map(|c| &c.kinds).collect();
    kinds.sort();
    kinds.dedup();
    let names: Vec<&str> = kinds.iter().map(|k| k.name()).collect();
    row.put(&names.join("、"));
    row.put(repeat.proposal.name());
    let rules = tables.clock.rules();
    let rule = match repeat.proposal {
        Proposal::Merge => rules.rule(RuleId::SameComplaint),
        Proposal::Restart => rules.rule(RuleId::NewFacts),
        Proposal::Anew => rules.rule(RuleId::AnswerSpecial),
    };
    row.put(rule.article.unwrap_or(""));
    row.put(&own.telling.institution);
    row.put(&own.telling.type_);
    row.finish()
}

/// New clauses, neighbours joined, each run with the kinds of its facts: `【金额】这周又扣了199元；…`.
fn shown(text: &str, new: &[NewClause]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < new.len() {
        let mut end = at + 1;
        // Only a mark of punctuation or two between them.
        while end < new.len() && text[new[end - 1].range.end..new[end].range.start].len() <= 6 {
            end += 1;
        }
        let run = &new[at..end];
        let mut kinds: Vec<_> = run.iter().flat_map(|c| &c.kinds).collect();
        kinds.sort();
        kinds.dedup();
        if !out.is_empty() {
            out.push('；');
        }
        let names: Vec<&str> = kinds.iter().map(|k| k.name()).collect();
        let _ = write!(
            out,
            "【{}】",
            if names.is_empty() {
                "其他".to_owned()
            } else {
                names.join("、")
            }
        );
        let part = &text[run[0].range.start..run[run.len() - 1].range.end];
        out.extend(part.chars().map(|c| if c == '\n' { ' ' } else { c }));
        at = end;
    }
    out
}
