//! The files of `data/clean/` enter, checked tables leave; all faults of all files are gathered before anything is refused.
//! Unknown columns, classes and ranks are faults. Holds no rule of its own.

use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use super::mask::Class;
use super::normalise::Filler;
use crate::error::{Error, Fault, Result};

/// Words found by their first character, the longest first.
pub(super) struct Words<T>(FxHashMap<char, Vec<(String, T)>>);

impl<T: Copy> Words<T> {
    pub(super) fn new(words: impl IntoIterator<Item = (String, T)>) -> Self {
        let mut by_first: FxHashMap<char, Vec<(String, T)>> = FxHashMap::default();
        for (w, t) in words {
            if let Some(c) = w.chars().next() {
                by_first.entry(c).or_default().push((w, t));
            }
        }
        for list in by_first.values_mut() {
            list.sort_by_key(|w| std::cmp::Reverse(w.0.len()));
        }
        Words(by_first)
    }

    /// The longest word that `text` starts with.
    #[inline]
    pub(super) fn at(&self, text: &str) -> Option<(&str, T)> {
        let list = self.0.get(&text.chars().next()?)?;
        let (w, t) = list.iter().find(|w| text.starts_with(w.0.as_str()))?;
        Some((w, *t))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SurnameRank {
    Common,
    Rare,
    /// Also an everyday word (于, 万): a name only where nothing else fits.
    Word,
    /// An everyday word too, but a surname where a title follows (于女士).
    Titled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenRank {
    Never,
    Doubtful,
    /// Far more frequent in given names than elsewhere.
    Typical,
}

pub(super) struct Tables {
    pub fillers: Vec<Filler>,
    /// Word and whether it is the agent.
    pub speakers: Vec<(String, bool)>,
    pub agent_cues: Vec<String>,
    pub cues: Vec<(String, Class)>,
    /// Title and the characters that make another word of it.
    pub titles: Vec<(String, String)>,
    /// True if the value is asked for and may stand in the next turn.
    pub links: Words<bool>,
    pub false_surnames: FxHashSet<[char; 2]>,
    pub surnames: FxHashMap<char, SurnameRank>,
    pub compound: FxHashSet<[char; 2]>,
    pub given: FxHashMap<char, GivenRank>,
    pub not_names: FxHashSet<[char; 2]>,
    pub after_name: FxHashSet<[char; 2]>,
    pub place_words: FxHashSet<[char; 2]>,
    pub hotlines: Vec<String>,
}

struct Reader {
    dir: PathBuf,
    faults: Vec<Fault>,
}

impl Reader {
    fn text(&mut self, name: &str) -> String {
        match std::fs::read_to_string(self.dir.join(name)) {
            Ok(s) => s,
            Err(e) => {
                self.fault(name, 0, format!("cannot be read: {e}"), "restore the file");
                String::new()
            }
        }
    }

    fn fault(&mut self, name: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) {
        self.faults
            .push(Fault::new(self.dir.join(name), line, what, mend));
    }

    /// Rows of a table whose columns must be exactly `columns`, each with its line.
    fn rows(&mut self, name: &str, columns: &[&str]) -> Vec<(usize, Vec<String>)> {
        let text = self.text(name);
        let mut out = Vec::new();
        if text.is_empty() {
            return out;
        }
        let mut csv = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        match csv.headers() {
            Ok(h) if h.iter().eq(columns.iter().copied()) => {}
            _ => {
                let mend = format!("let the first line be {}", columns.join(","));
                self.fault(name, 1, "other columns than this table has", mend);
                return out;
            }
        }
        for record in csv.records() {
            match record {
                Ok(r) => {
                    let line = r.position().map_or(0, |p| p.line() as usize);
                    out.push((line, r.iter().map(str::to_owned).collect()));
                }
                Err(e) => {
                    let line = e.position().map_or(0, |p| p.line() as usize);
                    let mend = format!("give each row {} fields", columns.len());
                    self.fault(name, line, "not a row of this table", mend);
                }
            }
        }
        if let Some((line, _)) = out.iter().find(|(_, r)| r[0].trim().is_empty()) {
            let line = *line;
            self.fault(
                name,
                line,
                "first field is empty",
                "fill it or delete the row",
            );
        }
        out
    }

    fn flag(&mut self, name: &str, line: usize, field: &str) -> Option<bool> {
        match field {
            "yes" => Some(true),
            "no" => Some(false),
            _ => {
                self.fault(name, line, "neither yes nor no", "write yes or no");
                None
            }
        }
    }

    /// Words between white space, lines that start with # left out.
    fn words(&mut self, name: &str) -> Vec<(usize, String)> {
        let text = self.text(name);
        text.lines()
            .enumerate()
            .filter(|(_, l)| !l.starts_with("# ") && *l != "#")
            .flat_map(|(n, l)| l.split_whitespace().map(move |w| (n + 1, w.to_owned())))
            .collect()
    }

    fn pairs(&mut self, name: &str) -> FxHashSet<[char; 2]> {
        let mut out = FxHashSet::default();
        for (line, word) in self.words(name) {
            match pair(&word) {
                Some(p) => drop(out.insert(p)),
                None => self.fault(name, line, "a word not of two characters", "cut it to two"),
            }
        }
        out
    }
}

fn pair(word: &str) -> Option<[char; 2]> {
    let mut chars = word.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some(a), Some(b), None) => Some([a, b]),
        _ => None,
    }
}

impl Tables {
    pub(super) fn load(dir: &Path) -> Result<Tables> {
        let mut r = Reader {
            dir: dir.to_owned(),
            faults: Vec::new(),
        };
        let mut t = Tables {
            fillers: Vec::new(),
            speakers: Vec::new(),
            agent_cues: r.words("agent_cues.txt").into_iter().map(|w| w.1).collect(),
            cues: Vec::new(),
            titles: Vec::new(),
            links: Words::new([]),
            false_surnames: r.pairs("false_surnames.txt"),
            surnames: FxHashMap::default(),
            compound: FxHashSet::default(),
            given: FxHashMap::default(),
            not_names: r.pairs("not_names.txt"),
            after_name: r.pairs("after_name.txt"),
            place_words: r.pairs("place_words.txt"),
            hotlines: Vec::new(),
        };
        let mut links = Vec::new();
        for (line, row) in r.rows("links.csv", &["word", "asks"]) {
            links.extend(
                r.flag("links.csv", line, &row[1])
                    .map(|asks| (row[0].clone(), asks)),
            );
        }
        t.links = Words::new(links);
        for (line, row) in r.rows("fillers.csv", &["text", "lead", "not_before"]) {
            let Some(lead) = r.flag("fillers.csv", line, &row[1]) else {
                continue;
            };
            t.fillers.push(Filler {
                text: row[0].clone(),
                lead,
                not_before: row[2].clone(),
            });
        }
        for (line, row) in r.rows("speakers.csv", &["word", "speaker"]) {
            match row[1].as_str() {
                "agent" => t.speakers.push((row[0].clone(), true)),
                "customer" => t.speakers.push((row[0].clone(), false)),
                _ => r.fault(
                    "speakers.csv",
                    line,
                    "unknown speaker",
                    "write agent or customer",
                ),
            }
        }
        t.speakers.sort_by_key(|(w, _)| std::cmp::Reverse(w.len()));
        for (line, row) in r.rows("cues.csv", &["cue", "class"]) {
            if row[0].contains(['〔', '〕']) {
                r.fault(
                    "cues.csv",
                    line,
                    "a cue with a bracket of masks",
                    "leave 〔 and 〕 out",
                );
            }
            match Class::parse(&row[1]) {
                Some(c) => t.cues.push((row[0].clone(), c)),
                None => {
                    let mend = format!("use one of {}", Class::codes());
                    r.fault("cues.csv", line, "unknown class", mend);
                }
            }
        }
        for (_, row) in r.rows("titles.csv", &["title", "not_before"]) {
            t.titles.push((row[0].clone(), row[1].clone()));
        }
        for (line, row) in r.rows("surnames.csv", &["surname", "rank"]) {
            let rank = match row[1].as_str() {
                "common" => SurnameRank::Common,
                "rare" => SurnameRank::Rare,
                "word" => SurnameRank::Word,
                "titled" => SurnameRank::Titled,
                _ => {
                    r.fault(
                        "surnames.csv",
                        line,
                        "unknown rank",
                        "write common, rare, word or titled",
                    );
                    continue;
                }
            };
            let mut chars = row[0].chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => drop(t.surnames.insert(c, rank)),
                _ => match pair(&row[0]) {
                    Some(p) => drop(t.compound.insert(p)),
                    None => r.fault("surnames.csv", line, "not one or two characters", "mend it"),
                },
            }
        }
        for (line, row) in r.rows("given_chars.csv", &["rank", "chars"]) {
            let rank = match row[0].as_str() {
                "never" => GivenRank::Never,
                "doubtful" => GivenRank::Doubtful,
                "typical" => GivenRank::Typical,
                _ => {
                    r.fault(
                        "given_chars.csv",
                        line,
                        "unknown rank",
                        "write never, doubtful or typical",
                    );
                    continue;
                }
            };
            t.given.extend(row[1].chars().map(|c| (c, rank)));
        }
        for (line, word) in r.words("hotlines.txt") {
            if word.chars().all(|c| c.is_ascii_digit() || c == 'x') {
                t.hotlines.push(word);
            } else {
                r.fault(
                    "hotlines.txt",
                    line,
                    "not digits and x",
                    "write x for any digit",
                );
            }
        }
        if r.faults.is_empty() {
            Ok(t)
        } else {
            Err(Error::Config(r.faults))
        }
    }
}
