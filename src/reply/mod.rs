//! `Route` and facts in, the text of a handling sheet out: minijinja templates of `data/templates/`.
//! Law: a sheet is only as good as its slots: an unknown slot is a fault at load, a missing required one names itself.
//!
//! Templates may only print slots, so each is rendered once at load into pieces of fixed text with slots between,
//! and a sheet of a complaint is put together by copying. The pieces are checked against minijinja itself at load.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::{Environment, UndefinedBehavior};

use crate::error::Fault;

macro_rules! slots {
    ($($name:ident),* $(,)?) => {
        /// A blank that the pipeline fills; the names are those written in templates.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(non_camel_case_types)]
        pub enum Slot { $($name),* }

        impl Slot {
            pub const ALL: &'static [Slot] = &[$(Slot::$name),*];

            pub fn name(self) -> &'static str {
                match self { $(Slot::$name => stringify!($name).trim_start_matches("r#")),* }
            }
        }
    };
}

slots!(
    id,
    received_at,
    channel,
    r#type,
    type_code,
    reason,
    reason_code,
    rights,
    urgency,
    urgency_code,
    urgency_why,
    flags,
    band,
    queue,
    department,
    amounts,
    dates,
    products,
    demands,
    excerpt,
    acknowledge_by,
    first_reply_by,
    handle_by,
    due_now,
    due_simple,
    due_complex,
    due_special,
    due_articles,
    recusal,
    parallel,
);

/// The values of all slots for one complaint; reused between complaints.
#[derive(Debug, Clone)]
pub struct Slots {
    values: Vec<String>,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            values: vec![String::new(); Slot::ALL.len()],
        }
    }
}

impl Slots {
    pub fn new() -> Slots {
        Slots::default()
    }

    /// The value of a slot, to be written over.
    pub fn clear(&mut self, slot: Slot) -> &mut String {
        let value = &mut self.values[slot as usize];
        value.clear();
        value
    }

    pub fn get(&self, slot: Slot) -> &str {
        &self.values[slot as usize]
    }
}

/// One handling sheet, ready to be filled.
#[derive(Debug, Clone)]
pub struct Template {
    pub stem: String,
    /// As readers see it.
    pub name: String,
    required: Vec<Slot>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

impl Template {
    /// Appends the filled sheet to `out`; the error is the first required slot that is empty.
    pub fn fill(&self, slots: &Slots, out: &mut String) -> Result<(), Slot> {
        if let Some(slot) = self.required.iter().find(|s| slots.get(**s).is_empty()) {
            return Err(*slot);
        }
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Slot(slot) => out.push_str(slots.get(*slot)),
            }
        }
        Ok(())
    }
}

/// All templates by stem.
#[derive(Debug, Default)]
pub struct Templates {
    by_stem: BTreeMap<String, Template>,
}

const SUFFIX: &str = ".md.j2";
/// The layout that the others extend; no sheet of its own.
const BASE: &str = "base";
/// The sheet of a type that has none.
const GENERIC: &str = "generic";

impl Templates {
    /// Reads every `*.md.j2` of `dir`.
    pub fn load(dir: &Path, faults: &mut Vec<Fault>) -> Templates {
        let mut sources: BTreeMap<String, String> = BTreeMap::new();
        let listed = std::fs::read_dir(dir).map_err(|e| e.to_string());
        let paths = listed.and_then(|entries| {
            entries
                .map(|e| e.map(|e| e.path()).map_err(|e| e.to_string()))
                .collect::<Result<Vec<_>, _>>()
        });
        let paths = paths.unwrap_or_else(|e| {
            faults.push(Fault::new(
                dir,
                0,
                format!("cannot be read ({e})"),
                "restore the folder of templates",
            ));
            Vec::new()
        });
        for path in paths {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            let Some(stem) = name.strip_suffix(SUFFIX) else {
                faults.push(Fault::new(
                    &path,
                    0,
                    "is no template",
                    format!("name it *{SUFFIX}, or move it away"),
                ));
                continue;
            };
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    sources.insert(stem.to_owned(), text);
                }
                Err(e) => faults.push(Fault::new(
                    &path,
                    0,
                    format!("cannot be read ({e})"),
                    "save it as UTF-8",
                )),
            }
        }
        let mut out = Templates::default();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        for (stem, text) in &sources {
            let added = environment.add_template_owned(format!("{stem}{SUFFIX}"), text.clone());
            if let Err(e) = added {
                faults.push(template_fault(dir, stem, &e));
            }
        }
        for (stem, text) in sources.iter().filter(|(stem, _)| *stem != BASE) {
            let path = dir.join(format!("{stem}{SUFFIX}"));
            let (name, required) = match head_comment(text) {
                Ok(found) => found,
                Err(what) => {
                    faults.push(Fault::new(
                        &path,
                        1,
                        what,
                        "open the file with {# name: … | required: slot slot #}",
                    ));
                    continue;
                }
            };
            match compile(&environment, stem) {
                Ok(pieces) => {
                    out.by_stem.insert(
                        stem.clone(),
                        Template {
                            stem: stem.clone(),
                            name,
                            required,
                            pieces,
                        },
                    );
                }
                Err(CompileFault::Jinja(e)) => faults.push(template_fault(dir, stem, &e)),
                Err(CompileFault::Tested) => faults.push(Fault::new(
                    &path,
                    0,
                    "a slot is tested, looped over or filtered",
                    "only print slots: {{ slot }}",
                )),
            }
        }
        if faults.is_empty() && !out.by_stem.contains_key(GENERIC) {
            faults.push(Fault::new(
                dir,
                0,
                format!("{GENERIC}{SUFFIX} is missing"),
                "add it: types without a sheet of their own use it",
            ));
        }
        out
    }

    pub fn has(&self, stem: &str) -> bool {
        self.by_stem.contains_key(stem)
    }

    /// The sheet named by a route, or else that of the type (its code in lower case), or else the generic one.
    pub fn choose(&self, named: Option<&str>, type_code: &str) -> Option<&Template> {
        let own = type_code.to_lowercase();
        named
            .and_then(|stem| self.by_stem.get(stem))
            .or_else(|| self.by_stem.get(&own))
            .or_else(|| self.by_stem.get(GENERIC))
    }
}

fn template_fault(dir: &Path, stem: &str, e: &minijinja::Error) -> Fault {
    let known = || {
        let names: Vec<_> = Slot::ALL.iter().map(|s| s.name()).collect();
        format!("the slots are {}", names.join(" "))
    };
    let mend = match e.kind() {
        minijinja::ErrorKind::UndefinedError => known(),
        _ => "mend the template".to_owned(),
    };
    let file = e
        .name()
        .map_or_else(|| format!("{stem}{SUFFIX}"), str::to_owned);
    Fault::new(dir.join(file), e.line().unwrap_or(0), e.to_string(), mend)
}

fn head_comment(text: &str) -> Result<(String, Vec<Slot>), String> {
    let line = text.lines().next().unwrap_or("");
    let inner = line
        .trim()
        .strip_prefix("{#")
        .and_then(|l| l.strip_suffix("#}"))
        .ok_or("the first line is no comment with name and required slots")?;
    let mut name = None;
    let mut required = Vec::new();
    for part in inner.split('|') {
        match part.split_once(':').map(|(k, v)| (k.trim(), v.trim())) {
            Some(("name", v)) if !v.is_empty() => name = Some(v.to_owned()),
            Some(("required", v)) => {
                for slot in v.split_whitespace() {
                    let found = Slot::ALL.iter().find(|s| s.name() == slot);
                    required.push(*found.ok_or_else(|| format!("unknown slot `{slot}`"))?);
                }
            }
            _ => return Err(format!("`{}` is neither name nor required", part.trim())),
        }
    }
    Ok((name.ok_or("the name is missing")?, required))
}

enum CompileFault {
    Jinja(minijinja::Error),
    /// A slot does more than being printed.
    Tested,
}

fn render(
    environment: &Environment<'_>,
    stem: &str,
    value: impl Fn(Slot) -> String,
) -> Result<String, CompileFault> {
    let context: BTreeMap<&str, String> = Slot::ALL.iter().map(|s| (s.name(), value(*s))).collect();
    environment
        .get_template(&format!("{stem}{SUFFIX}"))
        .and_then(|t| t.render(context))
        .map_err(CompileFault::Jinja)
}

/// Renders with marks in place of values and cuts at the marks.
fn compile(environment: &Environment<'_>, stem: &str) -> Result<Vec<Piece>, CompileFault> {
    // Private-use characters: no template text holds them.
    let mark = |slot: Slot| format!("\u{E000}{}\u{E001}", slot as usize);
    let rendered = render(environment, stem, mark)?;
    let mut pieces = Vec::new();
    let mut rest = rendered.as_str();
    while let Some((text, tail)) = rest.split_once('\u{E000}') {
        let (number, tail) = tail.split_once('\u{E001}').ok_or(CompileFault::Tested)?;
        let slot = number
            .parse::<usize>()
            .ok()
            .and_then(|i| Slot::ALL.get(i))
            .ok_or(CompileFault::Tested)?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(Piece::Slot(*slot));
        rest = tail;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    // A template that tests or filters a slot gives another text for other values.
    let probes: [fn(Slot) -> String; 3] = [
        |_| String::new(),
        |s| format!("{}值 Aa<&>", s.name()),
        |s| "0".repeat(s as usize % 7),
    ];
    for probe in probes {
        let spliced: String = pieces
            .iter()
            .map(|p| match p {
                Piece::Text(text) => text.clone(),
                Piece::Slot(slot) => probe(*slot),
            })
            .collect();
        if spliced != render(environment, stem, probe)? {
            return Err(CompileFault::Tested);
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> (Templates, Vec<Fault>) {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("xiaobao-reply-{}-{n}", std::process::id()));
        assert!(std::fs::create_dir_all(&dir).is_ok());
        for (name, text) in files {
            assert!(std::fs::write(dir.join(name), text).is_ok());
        }
        let mut faults = Vec::new();
        let templates = Templates::load(&dir, &mut faults);
        assert!(std::fs::remove_dir_all(&dir).is_ok());
        (templates, faults)
    }

    const HEAD: &str = "{# name: 通用 | required: id demands #}\n";

    #[test]
    fn a_sheet_is_filled_and_a_missing_slot_named() {
        let text = format!("{HEAD}编号 {{{{ id }}}}，诉求 {{{{ demands }}}}。");
        let (templates, faults) = load(&[("generic.md.j2", &text)]);
        assert_eq!(faults, []);
        let mut slots = Slots::new();
        slots.clear(Slot::id).push_str("A1");
        let template = templates.choose(None, "XX").cloned();
        let Some(template) = template else {
            unreachable!("generic was loaded")
        };
        let mut out = String::new();
        assert_eq!(template.fill(&slots, &mut out), Err(Slot::demands));
        slots.clear(Slot::demands).push_str("退款");
        assert_eq!(template.fill(&slots, &mut out), Ok(()));
        assert_eq!(out.trim(), "编号 A1，诉求 退款。");
    }

    #[test]
    fn faults_name_file_and_line() {
        let (_, faults) = load(&[
            ("generic.md.j2", &format!("{HEAD}\n\n{{{{ nonsense }}}}")),
            ("a.md.j2", "no comment"),
            (
                "b.md.j2",
                &format!("{HEAD}{{% if amounts %}}x{{% endif %}}"),
            ),
            ("c.md.j2", &format!("{HEAD}{{{{ id | upper }}}}")),
            ("d.md.j2", &format!("{HEAD}{{% block %}}")),
        ]);
        let shown: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert!(
            shown
                .iter()
                .any(|f| f.contains("generic.md.j2:4") && f.contains("the slots are")),
            "{shown:?}"
        );
        assert!(shown.iter().any(|f| f.contains("a.md.j2:1")));
        assert!(
            shown
                .iter()
                .any(|f| f.contains("b.md.j2") && f.contains("only print slots"))
        );
        assert!(
            shown
                .iter()
                .any(|f| f.contains("c.md.j2") && f.contains("only print slots"))
        );
        assert!(shown.iter().any(|f| f.contains("d.md.j2")));
    }

    #[test]
    fn every_shipped_template_compiles() {
        let mut faults = Vec::new();
        let templates = Templates::load(Path::new("data/templates"), &mut faults);
        assert_eq!(faults, []);
        assert!(templates.by_stem.len() > 20);
    }
}
