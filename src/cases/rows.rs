//! Repeats, alarms and joint complaints to rows of `repeats.csv` and `alerts.csv`, as Excel opens them.
//! Law: masked text only; no cell can run as a formula.

use std::fmt::Write;

use super::history::{Cell, CellKind};
use super::joint::Joint;
use super::link::{Proposal, Repeat};
use super::novelty::NewClause;
use super::store::Kept;
use super::telling::date_of;
use super::waves::Alarm;
use crate::clock::RuleId;
use crate::sink::Row;
use crate::tables::Tables;
use crate::taxonomy::head;

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

/// Header of `alerts.csv`, without the byte order mark.
pub fn alerts_header() -> Vec<u8> {
    header(&[
        "日期",
        "统计晚数",
        "单元类别",
        "单元",
        "人数",
        "预期人数",
        "倍数",
        "报警线",
        "本单元误报概率",
        "每晚全部单元误报次数",
        "历史晚数",
        "投诉编号",
        "依据与说明",
    ])
}

/// One row of `alerts.csv` for a cell above its level.
pub fn alarm_row(alarm: &Alarm, ids: &[&str], n_history: usize, tables: &Tables) -> Vec<u8> {
    let mut row = Row::new();
    row.put(&date_of(alarm.night).to_string());
    row.put(&alarm.n_nights.to_string());
    row.put(alarm.cell.0.name());
    row.put(&cell_name(&alarm.cell, tables));
    row.put(&alarm.people.to_string());
    row.put(&format!("{:.1}", alarm.expected));
    row.put(&format!("{:.1}", alarm.ratio()));
    row.put(&alarm.threshold.to_string());
    row.put(&format!("{:.1e}", alarm.tail));
    row.put(&tables.cases.waves.false_alarms_per_night.to_string());
    row.put(&n_history.to_string());
    row.put(&ids.join(" "));
    row.put(if alarm.n_nights == 1 {
        "当晚人数高于同类日的预期"
    } else {
        "连续几晚合计高于预期（逐晚相加）"
    });
    row.finish()
}

/// One row of `alerts.csv` for a joint complaint.
pub fn joint_row(joint: &Joint, night: i32, tables: &Tables) -> Vec<u8> {
    let settings = &tables.cases.joint;
    let mut row = Row::new();
    row.put(&date_of(night).to_string());
    let days = if joint.is_stated { 1 } else { settings.days };
    row.put(&days.to_string());
    row.put("群体投诉");
    let type_ = type_name(&joint.type_, tables);
    row.put(
        match joint.institution.as_str() {
            "" => type_,
            institution => format!("{institution} × {type_}"),
        }
        .as_str(),
    );
    row.put(&joint.people.to_string());
    row.put("");
    row.put("");
    row.put(&settings.limit.to_string());
    row.put("");
    row.put("");
    row.put("");
    row.put(&joint.ids.join(" "));
    let ground = if joint.is_stated {
        "正文自述人数"
    } else {
        "同一机构同一类型现场投诉的不同投诉人"
    };
    let is_over = joint.people >= settings.limit;
    let article = &settings.article;
    row.put(&match (is_over, joint.in_person) {
        (true, true) => format!(
            "{article}：{ground}已达{}人，现场，按重大消费投诉报告处理",
            settings.limit
        ),
        (true, false) => format!(
            "{article}：{ground}已达{}人，渠道并非现场，请核实是否现场集体投诉",
            settings.limit
        ),
        (false, _) => format!("{article}：{ground}接近{}人", settings.limit),
    });
    row.finish()
}

/// Said once where the history is too short for alarms.
pub fn short_history_row(night: i32, n_history: usize, tables: &Tables) -> Vec<u8> {
    let mut row = Row::new();
    row.put(&date_of(night).to_string());
    row.put("1");
    row.put("说明");
    for _ in 0..7 {
        row.put("");
    }
    row.put(&n_history.to_string());
    row.put("");
    row.put(&format!(
        "历史仅{n_history}晚，少于{}晚，未判断是否集中投诉",
        tables.cases.waves.least_nights
    ));
    row.finish()
}

fn type_name(code: &str, tables: &Tables) -> String {
    format!("{code} {}", tables.taxonomy.name(head::TYPE, code))
}

fn cell_name(cell: &Cell, tables: &Tables) -> String {
    let name = cell.1.as_str();
    let reason = |code: &str| format!("{code} {}", tables.taxonomy.name(head::REASON, code));
    let parted = match cell.0 {
        CellKind::All => Some("全部投诉".to_owned()),
        CellKind::Type => Some(type_name(name, tables)),
        CellKind::Reason => Some(reason(name)),
        CellKind::InstitutionType => name
            .rsplit_once('×')
            .map(|(of, type_)| format!("{of} × {}", type_name(type_, tables))),
        CellKind::InstitutionTypeReason => name.rsplit_once('×').and_then(|(rest, why)| {
            let (of, type_) = rest.rsplit_once('×')?;
            Some(format!(
                "{of} × {} × {}",
                type_name(type_, tables),
                reason(why)
            ))
        }),
        CellKind::TypeReason => name
            .split_once('×')
            .map(|(type_, why)| format!("{} × {}", type_name(type_, tables), reason(why))),
        CellKind::Institution | CellKind::Phrase => None,
    };
    parted.unwrap_or_else(|| name.to_owned())
}
