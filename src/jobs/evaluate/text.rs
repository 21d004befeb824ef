//! The figures for people at a terminal: one block a head.

use std::fmt::Write as _;

use super::Report;

/// The report for people: one block a head.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    let pct = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| format!("{v:.3}"));
    let _ = writeln!(out, "bundle {} · n {}", report.bundle, report.n);
    for card in &report.heads {
        let _ = writeln!(
            out,
            "\n{}: accuracy {:.4} · macro-F1 {:.4} · ECE {:.3} · n {}",
            card.head, card.accuracy, card.macro_f1, card.expected_calibration_error, card.n
        );
        let _ = writeln!(out, "  label            P      R      F1     n  given");
        for c in &card.classes {
            let _ = writeln!(
                out,
                "  {:<14} {:>6} {:>6} {:>6} {:>5} {:>6}",
                c.label,
                pct(c.precision),
                pct(c.recall),
                pct(c.f1),
                c.n,
                c.n_given
            );
        }
        if !card.confusion.is_empty() && card.classes.len() <= 24 {
            let _ = writeln!(out, "  confusion (rows gold, columns given)");
            for (c, row) in card.classes.iter().zip(&card.confusion) {
                let cells: Vec<String> = row
                    .iter()
                    .map(|n| {
                        if *n == 0 {
                            "   ·".to_owned()
                        } else {
                            format!("{n:>4}")
                        }
                    })
                    .collect();
                let _ = writeln!(out, "  {:<14}{}", c.label, cells.concat());
            }
        }
    }
    for (genre, cards) in &report.by_genre {
        let parts: Vec<String> = cards
            .iter()
            .map(|c| format!("{} {:.3}/{:.3}", c.head, c.accuracy, c.macro_f1))
            .collect();
        let n = cards.first().map_or(0, |c| c.n);
        let _ = writeln!(
            out,
            "\ngenre {genre} (n {n}; accuracy/macro-F1): {}",
            parts.join(" · ")
        );
    }
    for (band, f) in &report.bands {
        let _ = writeln!(
            out,
            "band {band}: {} of {} rows, type right in {:.3}",
            f.n,
            report.n,
            f.right as f64 / f.n.max(1) as f64
        );
    }
    if let Some(c) = &report.cascade {
        let share = |n: usize, of: usize| n as f64 / of.max(1) as f64;
        let _ = writeln!(
            out,
            "cascade: {} of {} rows ({:.3}) sent on to encoder {}; there the first head is right in {:.3} by the fast model, {:.3} by the encoder (n {})",
            c.sent_on,
            report.n,
            share(c.sent_on, report.n),
            c.bundle,
            share(c.right_fast, c.labelled),
            share(c.right_encoder, c.labelled),
            c.labelled
        );
    }
    if !report.learning_curve.is_empty() {
        let _ = writeln!(
            out,
            "\nlearning curve (macro-F1 of the network alone, by rows learnt from)"
        );
    }
    for point in &report.learning_curve {
        let parts: Vec<String> = point
            .heads
            .iter()
            .map(|h| format!("{} {:.3}", h.head, h.macro_f1))
            .collect();
        let _ = writeln!(out, "  {:>7} rows: {}", point.rows, parts.join(" · "));
    }
    out
}
