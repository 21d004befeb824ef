//! A label as somebody wrote it in, the label of the set that it means out: by code, by name, by both, in any width or case.
//! Law: only one spelling apart is the same label; a likeness is a question to the reader, never an answer.

use rustc_hash::FxHashMap;
use unicode_normalization::UnicodeNormalization;

use super::Taxonomy;

/// What a written label is to a set of labels; the number is its place in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// The code, letter by letter.
    Code(usize),
    /// The name of the taxonomy, letter by letter.
    Name(usize),
    /// Code, name or both, other in width, case, spaces or traditional characters only.
    Variant(usize),
    Unknown,
}

impl Spelling {
    /// The label that is meant, if it is one of the set.
    pub fn label(self) -> Option<usize> {
        match self {
            Spelling::Code(i) | Spelling::Name(i) | Spelling::Variant(i) => Some(i),
            Spelling::Unknown => None,
        }
    }
}

/// The labels of one head with all that they may be called.
#[derive(Debug, Clone)]
pub struct LabelSet {
    codes: Vec<String>,
    names: Vec<String>,
    folded: FxHashMap<String, usize>,
}

/// Likeness from which a label is asked about; chosen.
const LIKE: f64 = 0.3;

impl LabelSet {
    /// The set `codes` of the head `head`, named as the taxonomy names them.
    pub fn new<S: AsRef<str>>(
        taxonomy: &Taxonomy,
        head: &str,
        codes: impl IntoIterator<Item = S>,
    ) -> LabelSet {
        let codes: Vec<String> = codes.into_iter().map(|c| c.as_ref().to_owned()).collect();
        let names: Vec<String> = codes
            .iter()
            .map(|code| taxonomy.name(head, code).to_owned())
            .collect();
        let mut folded = FxHashMap::default();
        for (i, (code, name)) in codes.iter().zip(&names).enumerate() {
            let both = ["", "-", "—", "_", ":", "/", "."].map(|mark| format!("{code}{mark}{name}"));
            for form in [code, name].into_iter().chain(&both) {
                // Of two labels with one fold, neither is meant by it.
                folded
                    .entry(fold_label(form))
                    .and_modify(|known| {
                        if *known != i {
                            *known = usize::MAX;
                        }
                    })
                    .or_insert(i);
            }
        }
        LabelSet {
            codes,
            names,
            folded,
        }
    }

    /// The set of a head of the taxonomy; `None` for any other.
    pub fn of(taxonomy: &Taxonomy, head: &str) -> Option<LabelSet> {
        let codes = taxonomy.codes(head);
        (!codes.is_empty()).then(|| LabelSet::new(taxonomy, head, codes))
    }

    pub fn codes(&self) -> &[String] {
        &self.codes
    }

    /// What `written` means.
    pub fn find(&self, written: &str) -> Spelling {
        if let Some(i) = self.codes.iter().position(|c| c == written) {
            return Spelling::Code(i);
        }
        let mut named = (0..self.names.len()).filter(|i| self.names[*i] == written);
        if let (Some(i), None) = (named.next(), named.next()) {
            return Spelling::Name(i);
        }
        match self.folded.get(&fold_label(written)) {
            Some(i) if *i < self.codes.len() => Spelling::Variant(*i),
            _ => Spelling::Unknown,
        }
    }

    /// The label most like `written`, and how like it is, 0..=1; `None` below a likeness of 0.3.
    pub fn nearest(&self, written: &str) -> Option<(usize, f64)> {
        // What is longer is no label, and comparing it is slow.
        if written.chars().nth(60).is_some() {
            return None;
        }
        let written = fold_label(written);
        let like = |form: &str| {
            let form = fold_label(form);
            pairs_in_common(&written, &form)
                .max(strsim::normalized_damerau_levenshtein(&written, &form))
        };
        (0..self.codes.len())
            .map(|i| (i, like(&self.codes[i]).max(like(&self.names[i]))))
            .filter(|(_, likeness)| *likeness >= LIKE)
            // The first of equals.
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// The name of a label; its code where it has no other.
    pub fn name(&self, i: usize) -> &str {
        &self.names[i]
    }

    /// `BK02 债务催收`; the code alone where it has no other name.
    pub fn shown(&self, i: usize) -> String {
        if self.codes[i] == self.names[i] {
            self.codes[i].clone()
        } else {
            format!("{} {}", self.codes[i], self.names[i])
        }
    }

    /// What to do about a label that is none of the set: a question where one is near.
    pub fn remedy(&self, written: &str) -> String {
        match self.nearest(written) {
            Some((i, _)) => format!("是不是 {}？请改正，或把它加进标签表", self.shown(i)),
            None => "请改正，或把它加进标签表".to_owned(),
        }
    }
}

/// A label without what people do not see: width, case, spaces, traditional characters.
pub fn fold_label(written: &str) -> String {
    let plain: String = written
        .nfkc()
        .filter(|c| !c.is_whitespace() && !c.is_control() && !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .collect();
    if plain.is_ascii() {
        return plain;
    }
    fast2s::convert(&plain)
}

/// Pairs of neighbouring characters in both, over those in each (Dice), 0..=1: order and length matter less than to an edit
/// distance, which suits shortened Chinese names.
fn pairs_in_common(a: &str, b: &str) -> f64 {
    let pairs = |s: &str| -> Vec<(char, char)> { s.chars().zip(s.chars().skip(1)).collect() };
    let (a, mut b) = (pairs(a), pairs(b));
    let n = a.len() + b.len();
    let common = a.iter().filter(|pair| {
        let at = b.iter().position(|other| other == *pair);
        at.map(|at| b.swap_remove(at)).is_some()
    });
    2.0 * common.count() as f64 / n.max(1) as f64
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> LabelSet {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/taxonomy");
        let mut faults = Vec::new();
        let taxonomy = Taxonomy::load(&path, &mut faults);
        LabelSet::of(&taxonomy, "type").expect("type is a head")
    }

    #[test]
    fn code_name_and_both_mean_the_same() {
        let set = set();
        assert_eq!(set.find("BK02"), Spelling::Code(1));
        assert_eq!(set.find("债务催收"), Spelling::Name(1));
        for variant in [
            "bk02",
            "ＢＫ０２",
            " BK 02",
            "債務催收",
            "BK02 债务催收",
            "BK02-债务催收",
            "债务 催收",
        ] {
            assert_eq!(set.find(variant), Spelling::Variant(1), "{variant}");
        }
        for other in ["", "BK", "BK022", "催收", "其他"] {
            assert_eq!(set.find(other), Spelling::Unknown, "{other}");
        }
    }

    #[test]
    fn the_nearest_label_is_asked_about() {
        let set = set();
        let near = |written: &str| set.nearest(written).map(|(i, _)| set.shown(i));
        assert_eq!(near("催收").as_deref(), Some("BK02 债务催收"));
        assert_eq!(near("BKO2").as_deref(), Some("BK02 债务催收"));
        assert_eq!(near("征信").as_deref(), Some("BK07 征信异议"));
        assert_eq!(near("天气"), None);
    }
}
