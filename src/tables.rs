//! A `--data` folder in, `Tables` out: everything that a site may edit, read and checked as a whole.
//! Law: all faults of all files are reported together, as `file:line: what: how to mend it`.

use std::path::{Path, PathBuf};

use crate::case_settings::CaseSettings;
use crate::clean::{CleanText, Cleaner};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::cues::{Cues, Findings, Scratch};
use crate::error::{Error, Fault, Result};
use crate::features::Lexicon;
use crate::reply::Templates;
use crate::route::RoutingTable;
use crate::source::{ColumnNames, SourceOptions};
use crate::taxonomy::{Taxonomy, head};

/// The tables of one site.
pub struct Tables {
    pub taxonomy: Taxonomy,
    pub columns: ColumnNames,
    pub cleaner: Cleaner,
    pub cues: Cues,
    pub clock: Clock,
    pub routing: RoutingTable,
    pub templates: Templates,
    /// The jieba user dictionary that the next training will use.
    pub dictionary: String,
    /// The words of the trade that the next training will use.
    pub lexicon: Lexicon,
    /// When complaints are one case, and when a wave.
    pub cases: CaseSettings,
    /// SHA-256 over all files of the folder that were read: names what decided.
    pub sha256: String,
}

impl Tables {
    /// Reads and checks `dir`.
    pub fn load(dir: &Path) -> Result<Tables> {
        if !dir.join("taxonomy").is_dir() {
            return Err(Error::Usage(format!(
                "{}: no folder `taxonomy` there: name the folder of tables with --data DIR",
                dir.display()
            )));
        }
        let mut faults = Vec::new();
        let taxonomy = Taxonomy::load(&dir.join("taxonomy"), &mut faults);
        let columns = ColumnNames::load(&dir.join("columns.csv"), &mut faults);
        let templates = Templates::load(&dir.join("templates"), &mut faults);
        let routing = RoutingTable::load(
            &dir.join("routing.csv"),
            &taxonomy,
            &|stem| templates.has(stem),
            &mut faults,
        );
        let cleaner = keep(Cleaner::load(&dir.join("clean")), &mut faults)?;
        let clock = keep(Clock::load(dir), &mut faults)?;
        let cues = keep(Cues::load(dir), &mut faults)?;
        if let Some(cues) = &cues {
            check_rules(dir, cues, &taxonomy, &mut faults);
        }
        if let Some(clock) = &clock {
            check_parallel(dir, clock, &taxonomy, &mut faults);
        }
        let dictionary = read_dictionary(&dir.join("dictionary.txt"), &mut faults);
        let path = dir.join("lexicon.toml");
        let lexicon = Lexicon::parse(&read_text(&path, &mut faults), &path, &mut faults);
        let cases = CaseSettings::load(dir, &mut faults);
        match (cleaner, clock, cues, cases) {
            (Some(cleaner), Some(clock), Some(cues), Some(cases)) if faults.is_empty() => {
                Ok(Tables {
                    taxonomy,
                    columns,
                    cleaner,
                    cues,
                    clock,
                    routing,
                    templates,
                    dictionary,
                    lexicon,
                    cases,
                    sha256: hash(dir)?,
                })
            }
            _ => {
                faults.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
                Err(Error::Config(faults))
            }
        }
    }

    /// The user's options with the site's column names and the user's `--map` in them.
    pub fn source_options(&self, given: &SourceOptions) -> Result<SourceOptions> {
        let mut options = given.clone();
        options.columns = self.columns.clone();
        options.columns.map(&given.map)?;
        Ok(options)
    }

    /// What rules and facts say about one cleaned complaint.
    pub fn findings(
        &self,
        complaint: &Complaint,
        clean: &CleanText,
        scratch: &mut Scratch,
    ) -> Findings {
        let channel = complaint.channel.map(|c| &*self.taxonomy.channels[c].code);
        let received = complaint.received.as_ref().map(|m| {
            let date = m.date();
            (date.year(), date.month(), date.day())
        });
        let channel = channel.unwrap_or("");
        let deciding = clean.deciding();
        self.cues
            .apply(clean.text(), deciding, channel, received, scratch)
    }
}

/// Collects the faults of a part; any other error ends the reading.
fn keep<T>(part: Result<T>, faults: &mut Vec<Fault>) -> Result<Option<T>> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(Error::Config(found)) => {
            faults.extend(found);
            Ok(None)
        }
        Err(Error::Io { path, source, .. }) => {
            faults.push(Fault::new(
                path,
                0,
                format!("cannot be read ({source})"),
                "restore the file, or point --data at a complete folder",
            ));
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Rules may only name levels and flags of the taxonomy.
fn check_rules(dir: &Path, cues: &Cues, taxonomy: &Taxonomy, faults: &mut Vec<Fault>) {
    let path = dir.join("urgency_rules.toml");
    let named = cues
        .levels()
        .map(|(line, code)| (line, code, head::URGENCY))
        .chain(cues.flags().map(|(line, code)| (line, code, head::FLAGS)));
    for (line, code, head) in named {
        if taxonomy.index(head, code).is_none() {
            faults.push(Fault::new(
                &path,
                line,
                format!("unknown {head} `{code}`"),
                format!("use a code of taxonomy/{head}.csv"),
            ));
        }
    }
    for (line, code) in cues.channels() {
        if !taxonomy.channels.iter().any(|c| c.code == code) {
            faults.push(Fault::new(
                &path,
                line,
                format!("unknown channel `{code}`"),
                "use a code of taxonomy/channel.csv",
            ));
        }
    }
}

fn check_parallel(dir: &Path, clock: &Clock, taxonomy: &Taxonomy, faults: &mut Vec<Fault>) {
    for t in &taxonomy.types {
        for name in &t.parallel {
            if !clock.rules().has_parallel(name) {
                faults.push(Fault::new(
                    dir.join("taxonomy/type.csv"),
                    0,
                    format!("{}: unknown clock `{name}`", t.label.code),
                    format!(
                        "use a name of clock.toml: {}",
                        clock.rules().parallel_names().join(" ")
                    ),
                ));
            }
        }
    }
}

fn read_text(path: &Path, faults: &mut Vec<Fault>) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| {
        faults.push(Fault::new(
            path,
            0,
            format!("cannot be read ({e})"),
            "restore the file, or leave it empty",
        ));
        String::new()
    })
}

fn read_dictionary(path: &Path, faults: &mut Vec<Fault>) -> String {
    let text = read_text(path, faults);
    for (line, entry) in text.lines().enumerate() {
        let mut parts = entry.split_whitespace().skip(1);
        let frequency = parts.next().map(str::parse::<usize>);
        if matches!(frequency, Some(Err(_))) || parts.count() > 1 {
            faults.push(Fault::new(
                path,
                line + 1,
                "is no dictionary entry",
                "write `word frequency tag`",
            ));
        }
    }
    text
}

fn hash(dir: &Path) -> Result<String> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for sub in ["", "taxonomy", "clean", "templates"] {
        let folder = dir.join(sub);
        let failed = |e| Error::io(&folder, "cannot be listed", e);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // What only people read decides nothing.
            if path.is_file() && path.file_name().is_none_or(|n| n != "README.md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, "cannot be read", e))?;
        all.extend_from_slice(crate::digest::sha256(&bytes).as_bytes());
    }
    Ok(crate::digest::sha256(&all))
}
