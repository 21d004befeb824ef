//! A comparison in words, for the terminal.

use std::fmt::Write as _;

use super::Compared;
use super::floor::{FloorChange, Load};
use crate::metrics::{Comparison, Difference};
use crate::tables::Tables;

/// Complaints that lose an urgent level, listed at most; all stand in `--json`.
const LISTED: usize = 20;

pub(super) fn text(compared: &Compared, tables: &Tables) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "old {} → new {} · n {}",
        compared.old, compared.new, compared.n
    );
    for head in &compared.heads {
        one_head(head, tables, &mut out);
    }
    if let Some(floor) = &compared.floor {
        on_the_floor(floor, &mut out);
    }
    out
}

fn one_head(c: &Comparison, tables: &Tables, out: &mut String) {
    let _ = writeln!(out, "\n{} (n {})", c.head, c.n);
    let line = |name: &str, d: &Difference| {
        format!(
            "  {name} {:.4} → {:.4}, {:+.4} (95 % {:+.4} to {:+.4})",
            d.old, d.new, d.change, d.low, d.high
        )
    };
    let _ = writeln!(
        out,
        "{} · {} rows newly right, {} newly wrong, p {:.3}",
        line("accuracy", &c.accuracy),
        c.won,
        c.lost,
        c.p
    );
    let _ = writeln!(out, "{}", line("macro-F1", &c.macro_f1));
    let _ = writeln!(
        out,
        "  label             n  F1 old  F1 new  change     95 % interval  won lost     p"
    );
    for class in &c.classes {
        let f = &class.f1;
        // An interval on one side of nothing is a change that chance does not explain.
        let sign = match () {
            () if f.high < 0.0 => "▼",
            () if f.low > 0.0 => "▲",
            () => " ",
        };
        let _ = writeln!(
            out,
            "  {:<12} {:>6} {:>7.3} {:>7.3} {:>+7.3} {:>+8.3} to {:>+6.3} {:>4} {:>4} {:>5.3} {sign} {}",
            class.label,
            class.n,
            f.old,
            f.new,
            f.change,
            f.low,
            f.high,
            class.won,
            class.lost,
            class.p,
            match tables.taxonomy.name(&c.head, &class.label) {
                name if name == class.label => "",
                name => name,
            }
        );
    }
}

fn on_the_floor(floor: &FloorChange, out: &mut String) {
    let share = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
    let _ = writeln!(out, "\non the floor (n {})", floor.n);
    let _ = writeln!(
        out,
        "  {} complaints ({:.1} %) go to another queue",
        floor.queue_changes,
        share(floor.queue_changes, floor.n)
    );
    if let Some(recall) = floor.urgent_recall {
        let _ = writeln!(
            out,
            "  urgent ones raised: {} of {} ({:.1} %) → {} of {} ({:.1} %)",
            recall.old,
            recall.n,
            share(recall.old, recall.n),
            recall.new,
            recall.n,
            share(recall.new, recall.n)
        );
    }
    let _ = writeln!(
        out,
        "  {} lose an urgent level, {} gain one",
        floor.urgent_lost.len(),
        floor.urgent_gained
    );
    for lost in floor.urgent_lost.iter().take(LISTED) {
        let gold = lost.gold.as_ref();
        let gold = gold.map_or_else(String::new, |g| format!(", labelled {g}"));
        let _ = writeln!(
            out,
            "    {}:{} {} {} → {}{gold}",
            lost.file, lost.line, lost.id, lost.old, lost.new
        );
    }
    if floor.urgent_lost.len() > LISTED {
        let _ = writeln!(out, "    … and {} more", floor.urgent_lost.len() - LISTED);
    }
    if floor.dated > 0 {
        let _ = writeln!(
            out,
            "  handling date: {} earlier, {} later, of {} with a day of receipt",
            floor.earlier, floor.later, floor.dated
        );
    }
    let mut loads = |title: &str, loads: &[Load]| {
        let _ = writeln!(out, "  {title:<14}    old    new  change");
        for load in loads.iter().filter(|l| l.old + l.new > 0) {
            let _ = writeln!(
                out,
                "    {:<12} {:>6} {:>6} {:>+7}  {}",
                load.code,
                load.old,
                load.new,
                load.new as i64 - load.old as i64,
                load.name
            );
        }
    };
    loads("by band", &floor.bands);
    loads("by queue", &floor.queues);
}
