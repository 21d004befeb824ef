//! Cells that are not what their column says: labels among texts, numbers and dates that Excel rewrote, names nearly known.
//! Law: only what can be known is told; a leading zero that is lost leaves no trace.

use super::findings::{Findings, Kind, Place};
use super::read::Corpus;
use crate::clock::parse_moment;

/// Excel keeps this many digits of a number and writes zeros behind them.
const EXCEL_DIGITS: usize = 15;
/// So many long numbers of a column that all end in such zeros are no chance; chosen.
const SUSPICIOUS: usize = 5;

/// Returns the rows whose date cannot be read: `train` rejects them.
pub(super) fn find(corpus: &Corpus, findings: &mut Findings) -> usize {
    for file in &corpus.files {
        for near in &file.near {
            findings.add(
                Kind::ColumnNear,
                None,
                vec![Place::of_file(&file.name)],
                format!(
                    "第 {} 列没有读，列名与“{}”（{}）相近",
                    near.column, near.known, near.role
                ),
                format!("改名为“{}”，或确认它是别的列", near.known),
            );
        }
    }
    shifted(corpus, findings);
    numbers(corpus, findings);
    dates(corpus, findings)
}

fn shifted(corpus: &Corpus, findings: &mut Findings) {
    for row in &corpus.rows {
        let text = row.text.trim();
        if text.chars().nth(super::labels::LABEL_CHARS).is_some() {
            continue;
        }
        let known = corpus
            .sets
            .iter()
            .flatten()
            .any(|s| s.find(text).label().is_some());
        if known {
            findings.add(
                Kind::Shifted,
                None,
                vec![Place::of(&row.position)],
                "正文列里是一个标签",
                "该行的列可能错位：对照表头改正",
            );
        }
    }
}

/// Digits of a number that Excel rewrote, by sight of the cell alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rewritten {
    /// 1.1E+17
    Exponent,
    /// 18 digits or more, zeros behind the fifteenth.
    Zeros,
    /// 16 or 17 digits, zeros behind the fifteenth: a chance of one in ten or a hundred.
    PerhapsZeros,
    /// A long number that ends otherwise.
    Whole,
}

fn rewritten(cell: &str) -> Option<Rewritten> {
    let cell = cell.trim();
    // The commonest cells are no numbers.
    if cell.len() > 40 || !cell.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some((mantissa, exponent)) = cell.split_once(['E', 'e']) {
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let exponent: Option<u32> = exponent.strip_prefix('+').and_then(|e| e.parse().ok());
        let is = whole.len() == 1 && digits(whole) && digits(fraction);
        return (is && exponent.is_some_and(|e| e >= 9)).then_some(Rewritten::Exponent);
    }
    if cell.len() <= EXCEL_DIGITS || !cell.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(match cell[EXCEL_DIGITS..].bytes().all(|b| b == b'0') {
        false => Rewritten::Whole,
        true if cell.len() >= EXCEL_DIGITS + 3 => Rewritten::Zeros,
        true => Rewritten::PerhapsZeros,
    })
}

fn numbers(corpus: &Corpus, findings: &mut Findings) {
    for (f, file) in corpus.files.iter().enumerate() {
        let n_columns = file.columns.as_ref().map_or(0, Vec::len);
        let rows: Vec<usize> = (0..corpus.rows.len())
            .filter(|r| corpus.file_of[*r] == f)
            .collect();
        for column in (0..n_columns).filter(|c| Some(*c) != file.text) {
            let found: Vec<(usize, Rewritten)> = rows
                .iter()
                .filter_map(|r| Some((*r, rewritten(corpus.cells(*r).get(column)?)?)))
                .collect();
            let perhaps = found
                .iter()
                .filter(|(_, f)| *f == Rewritten::PerhapsZeros)
                .count();
            let whole = found.iter().any(|(_, f)| *f == Rewritten::Whole);
            for (row, how) in found {
                let what = match how {
                    Rewritten::Exponent => "成了科学计数（如 1.1E+17）",
                    Rewritten::Zeros => "第 15 位以后全是 0",
                    Rewritten::PerhapsZeros if perhaps >= SUSPICIOUS && !whole => {
                        "第 15 位以后全是 0，整列如此"
                    }
                    _ => continue,
                };
                findings.add(
                    Kind::Number,
                    None,
                    vec![Place::of(&corpus.rows[row].position)],
                    format!("第 {} 列的长数字{what}", column + 1),
                    "Excel 只留 15 位，后几位已丢失：从源系统把该列按文本重新导出",
                );
            }
        }
    }
}

fn dates(corpus: &Corpus, findings: &mut Findings) -> usize {
    let mut n = 0;
    for (i, row) in corpus.rows.iter().enumerate() {
        let Some(cell) = corpus
            .file(i)
            .received
            .and_then(|at| corpus.cells(i).get(at))
        else {
            continue;
        };
        let cell = cell.trim();
        if cell.is_empty() || parse_moment(cell).is_some() {
            continue;
        }
        n += 1;
        // 1954 to 2064.
        let serial = cell
            .parse::<f64>()
            .is_ok_and(|d| (20_000.0..60_000.0).contains(&d));
        let (what, remedy) = if serial {
            (
                "受理时间是 Excel 的日期序号（如 45000 即 2023-03-15）",
                "在 Excel 里把该列设为日期格式再导出；否则该行训练时会被拒收",
            )
        } else {
            (
                "受理时间无法识别",
                "写成 2026-03-01、2026-03-01 14:05 或 RFC 3339；否则该行训练时会被拒收",
            )
        };
        findings.add(
            Kind::Date,
            None,
            vec![Place::of(&row.position)],
            what,
            remedy,
        );
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_excel_leaves_behind_is_suspected() {
        let is = |cell: &str, how: Rewritten| rewritten(cell) == Some(how);
        assert!(is("1.1E+17", Rewritten::Exponent) && is("6.22848E+18", Rewritten::Exponent));
        assert!(is("110101199003070000", Rewritten::Zeros));
        assert!(is("6222021234567890", Rewritten::PerhapsZeros));
        assert!(is("6222021234567891", Rewritten::Whole));
        for other in [
            "",
            "1E+3",
            "E+17",
            "13800138000",
            "202603010001",
            "1.1E+17元",
            "12.5",
        ] {
            assert!(rewritten(other).is_none(), "{other}");
        }
    }
}
