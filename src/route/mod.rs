//! `Decision` in, `Route` out: the first row of `data/routing.csv` that fits names queue, template and targets.
//! Law: the table is total (a catch-all is required) and every row can be reached; both are proved at load.

mod cover;

use std::path::Path;

use crate::clock::{Span, Targets};
use crate::decide::{Band, Decision};
use crate::error::Fault;
use crate::taxonomy::{Row, Table, Taxonomy, head, parse_span};
use cover::{Region, Space};

/// Where a complaint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Index into `RoutingTable::rules`.
    pub rule: usize,
    /// Index into `Taxonomy::queues`.
    pub queue: usize,
    pub targets: Targets,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its stable name.
    pub name: String,
    /// Why it stands there, for the reader.
    pub why: String,
    queue: usize,
    /// Stem of a template; `None` stands for the template of the type.
    pub template: Option<String>,
    pub line: usize,
    targets: [Option<Span>; 3],
    region: Region,
}

/// The rows in order.
#[derive(Debug)]
pub struct RoutingTable {
    rules: Vec<Rule>,
    space: Space,
}

const COLUMNS: &[&str] = &[
    "rule",
    "type",
    "reason",
    "urgency",
    "flags",
    "channel",
    "band",
    "queue",
    "template",
    "acknowledge",
    "first_reply",
    "handle",
    "why",
];

impl RoutingTable {
    /// Reads and proves the table; `has_template` knows the stems of the templates.
    pub fn load(
        path: &Path,
        taxonomy: &Taxonomy,
        has_template: &dyn Fn(&str) -> bool,
        faults: &mut Vec<Fault>,
    ) -> RoutingTable {
        let table = Table::read(path, COLUMNS, faults);
        let space = Space::new([
            taxonomy.types.len(),
            taxonomy.reasons.len(),
            taxonomy.levels.len(),
            // one more for “no channel known”
            taxonomy.channels.len() + 1,
            Band::ALL.len(),
        ]);
        let n_before = faults.len();
        let largest = taxonomy.types.len().max(taxonomy.channels.len() + 1);
        if largest.max(taxonomy.flags.len()) > 64 {
            faults.push(Fault::new(
                path,
                0,
                "a table has more than 64 labels",
                "merge labels: routing proves its rows over at most 64 a column",
            ));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for row in table.rows() {
            let rule = read_rule(row, taxonomy, &space, has_template, faults);
            if rules.iter().any(|r| r.name == rule.name) || rule.name.is_empty() {
                faults.push(row.fault(
                    format!("rule `{}` is empty or stands above already", rule.name),
                    "give each row its own name",
                ));
            }
            rules.push(rule);
        }
        // A row with a wrong cell would make the proofs below speak of the wrong table.
        if faults.len() == n_before {
            prove(path, &rules, &space, faults);
        }
        for queue in 0..taxonomy.queues.len() {
            let by_type = taxonomy.types.iter().any(|t| t.queue == queue);
            if !by_type && !rules.iter().any(|r| r.queue == queue) {
                faults.push(Fault::new(
                    path,
                    0,
                    format!("queue `{}` is used by no row", taxonomy.queues[queue].code),
                    "route something to it, or remove it from queue.csv",
                ));
            }
        }
        RoutingTable { rules, space }
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first row that fits; `None` only for a table whose load reported faults.
    pub fn apply(
        &self,
        decision: &Decision,
        channel: Option<usize>,
        taxonomy: &Taxonomy,
    ) -> Option<Route> {
        let point = [
            decision.type_.first().label,
            decision.reason.first().label,
            decision.level,
            channel.unwrap_or(taxonomy.channels.len()),
            decision.band as usize,
        ];
        let flags = decision
            .flags
            .iter()
            .fold(0u64, |bits, f| bits | 1 << f.flag);
        let (i, rule) = self
            .rules
            .iter()
            .enumerate()
            .find(|(_, r)| self.space.holds(&r.region, &point, flags))?;
        let level = &taxonomy.levels.get(decision.level)?.targets;
        Some(Route {
            rule: i,
            queue: rule.queue,
            targets: Targets {
                acknowledge: rule.targets[0].unwrap_or(level.acknowledge),
                first_reply: rule.targets[1].unwrap_or(level.first_reply),
                handle: rule.targets[2].unwrap_or(level.handle),
            },
        })
    }
}

fn read_rule(
    row: Row<'_>,
    taxonomy: &Taxonomy,
    space: &Space,
    has_template: &dyn Fn(&str) -> bool,
    faults: &mut Vec<Fault>,
) -> Rule {
    let channels: Vec<&str> = taxonomy.channels.iter().map(|c| c.code.as_str()).collect();
    let bands = Band::ALL.map(Band::code);
    let mut set = |column: &str, codes: &[&str]| -> Vec<usize> {
        let mut found = Vec::new();
        for code in row.get(column).split('|').map(str::trim) {
            match codes.iter().position(|c| *c == code) {
                Some(i) => found.push(i),
                None if code.is_empty() => {}
                None => faults.push(row.fault(
                    format!("{column}: unknown code `{code}`"),
                    format!("use codes of the {column} table, separated by |"),
                )),
            }
        }
        found
    };
    let sets = [
        set("type", &taxonomy.codes(head::TYPE)),
        set("reason", &taxonomy.codes(head::REASON)),
        set("urgency", &taxonomy.codes(head::URGENCY)),
        set("channel", &channels),
        set("band", &bands),
    ];
    let flags = set("flags", &taxonomy.codes(head::FLAGS));
    let region = space.region(&sets, &flags);
    let queue_code = row.get("queue");
    let queue = taxonomy.queue(queue_code);
    if queue.is_none() {
        faults.push(row.fault(
            format!("unknown queue `{queue_code}`"),
            "use a code of queue.csv",
        ));
    }
    let template = Some(row.get("template")).filter(|t| !t.is_empty());
    if let Some(stem) = template
        && !has_template(stem)
    {
        faults.push(row.fault(
            format!("unknown template `{stem}`"),
            "use the name of a file in templates/, without .md.j2",
        ));
    }
    let mut span = |column: &str| {
        if row.get(column).is_empty() {
            None
        } else {
            parse_span(row, column, faults)
        }
    };
    let targets = [span("acknowledge"), span("first_reply"), span("handle")];
    Rule {
        name: row.get("rule").to_owned(),
        why: row.get("why").to_owned(),
        queue: queue.unwrap_or(0),
        template: template.map(str::to_owned),
        line: row.line,
        targets,
        region,
    }
}

fn prove(path: &Path, rules: &[Rule], space: &Space, faults: &mut Vec<Fault>) {
    for (i, rule) in rules.iter().enumerate() {
        let above: Vec<&Region> = rules[..i].iter().map(|r| &r.region).collect();
        if space.is_covered(&rule.region, &above) {
            faults.push(Fault::new(
                path,
                rule.line,
                format!(
                    "rule `{}` can never be reached: the rows above take every case",
                    rule.name
                ),
                "move it up, narrow a row above, or remove it",
            ));
        }
    }
    let all: Vec<&Region> = rules.iter().map(|r| &r.region).collect();
    if !space.is_covered(&space.everything(), &all) {
        faults.push(Fault::new(
            path,
            0,
            "some complaints fit no row",
            "end the table with a catch-all: a row with type, reason, urgency, flags, channel and band empty",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_total_and_reachable() {
        let mut faults = Vec::new();
        let taxonomy = Taxonomy::load(Path::new("data/taxonomy"), &mut faults);
        let table = RoutingTable::load(
            Path::new("data/routing.csv"),
            &taxonomy,
            &|_| true,
            &mut faults,
        );
        assert_eq!(faults, []);
        assert!(table.rules().len() > 20);
    }

    #[test]
    fn faults_are_found_together_with_their_lines() {
        let dir = std::env::temp_dir().join(format!("xiaobao-route-{}", std::process::id()));
        assert!(std::fs::create_dir_all(&dir).is_ok());
        let path = dir.join("routing.csv");
        let header = COLUMNS.join(",");
        let body = "a,BK01,,,,,,Q_TRIAGE,,,,,x\n\
                    b,BK99,,,,,,Q_NOWHERE,missing,4x,,,x\n";
        assert!(std::fs::write(&path, format!("{header}\n{body}")).is_ok());
        let mut faults = Vec::new();
        let taxonomy = Taxonomy::load(Path::new("data/taxonomy"), &mut faults);
        RoutingTable::load(&path, &taxonomy, &|t| t == "bk01", &mut faults);
        let lines: Vec<usize> = faults.iter().map(|f| f.line).filter(|l| *l > 0).collect();
        assert_eq!(lines, [3, 3, 3, 3]);

        let body = "a,,,,,,auto|suggest,Q_TRIAGE,,,,,x\n\
                    b,,,,,,review,Q_TRIAGE,,,,,x\n\
                    c,BK01,,U1,,,,Q_TRIAGE,,,,,x\n";
        assert!(std::fs::write(&path, format!("{header}\n{body}")).is_ok());
        let mut faults = Vec::new();
        RoutingTable::load(&path, &taxonomy, &|_| true, &mut faults);
        assert!(
            faults
                .iter()
                .any(|f| f.line == 4 && f.what.contains("never be reached"))
        );
        assert!(!faults.iter().any(|f| f.what.contains("fit no row")));

        let body = "a,,,,F_REG,,,Q_TRIAGE,,,,,x\n";
        assert!(std::fs::write(&path, format!("{header}\n{body}")).is_ok());
        let mut faults = Vec::new();
        RoutingTable::load(&path, &taxonomy, &|_| true, &mut faults);
        assert!(faults.iter().any(|f| f.what.contains("fit no row")));
        assert!(std::fs::remove_dir_all(&dir).is_ok());
    }
}
