//! `xiaobao compare OLD NEW FILE…`: two bundles on the same rows: what gets better, what worse, what changes on the floor.
//! Law: every difference with its n and interval; both judge by the road of triage.

mod floor;
mod promote;
mod tell;

pub use promote::{Guards, PromoteOptions, Record, UndoOptions, promote, undo};

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::Outcome;
use super::given::{Given, GivenHead, Models};
use super::labelled::{self, HeadColumn, columns_for};
use super::voices::{Split, Voices};
use crate::complaint::Complaint;
use crate::error::{Error, Result};
use crate::metrics::{self, Comparison, Pair};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::sink::{Sheet, write_whole};
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::head;
use floor::FloorChange;

/// What `compare` was asked to do.
#[derive(Debug)]
pub struct CompareOptions {
    pub old: PathBuf,
    pub new: PathBuf,
    pub inputs: Vec<PathBuf>,
    pub data: PathBuf,
    pub source: SourceOptions,
    pub heads: Vec<HeadColumn>,
    pub split: Option<Split>,
    /// The rows have no labels: only what changes is told, not what is right.
    pub unlabelled: bool,
    pub json: Option<PathBuf>,
    pub flips: Option<PathBuf>,
    pub force: bool,
}

/// Two bundles on the same rows.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub old: String,
    pub new: String,
    pub n: usize,
    pub heads: Vec<Comparison>,
    /// Only where both bundles have the heads that triage needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<FloorChange>,
    #[serde(skip)]
    flips: Vec<Flip>,
}

/// An answer that is another one now.
#[derive(Debug)]
struct Flip {
    row: usize,
    what: String,
    old: String,
    new: String,
    /// Empty where the row has no label.
    gold: String,
}

pub fn run(options: &CompareOptions) -> Result<Outcome> {
    for path in options.json.iter().chain(&options.flips) {
        super::refuse_existing(path, options.force)?;
    }
    let tables = Arc::new(Tables::load(&options.data)?);
    let models = load(options)?;
    let (rows, rejected) = read(options, &tables, &models)?;
    let (compared, given) = compare(options, &tables, &models, &rows)?;
    print!("{}", tell::text(&compared, &tables));
    if let Some(path) = &options.json {
        super::write_json(path, &compared)?;
    }
    if let Some(path) = &options.flips {
        write_flips(path, &compared, &rows, &given)?;
        eprintln!(
            "{} changes written to {}",
            compared.flips.len(),
            path.display()
        );
    }
    Ok(Outcome::of(rejected))
}

/// The bundle in force and the new one.
fn load(options: &CompareOptions) -> Result<[Models; 2]> {
    Ok([
        Models::load(&options.old, None, None)?,
        Models::load(&options.new, None, None)?,
    ])
}

fn columns(options: &CompareOptions, models: &[Models; 2]) -> Vec<HeadColumn> {
    match options.unlabelled {
        true => Vec::new(),
        false => columns_for(&options.heads, models[1].heads()),
    }
}

/// Rows of the files, or of one split of them, and how many records were rejected.
fn read(
    options: &CompareOptions,
    tables: &Tables,
    models: &[Models; 2],
) -> Result<(Vec<Complaint>, usize)> {
    let voices = Voices::for_split(&options.inputs, options.split)?;
    let source = tables.source_options(&options.source)?;
    let columns = columns(options, models);
    let mut read = labelled::read(&options.inputs, &source, tables, &columns, voices.as_ref())?;
    read.keep(voices.as_ref(), options.split)?;
    if read.rows.is_empty() {
        return Err(Error::Usage("no rows to compare on".to_owned()));
    }
    Ok((read.rows, read.rejected))
}

/// Answers of both bundles, the old one's first.
type Both = [Vec<Given>; 2];

fn compare(
    options: &CompareOptions,
    tables: &Arc<Tables>,
    models: &[Models; 2],
    rows: &[Complaint],
) -> Result<(Compared, Both)> {
    let columns = columns(options, models);
    let names: Vec<String> = match options.unlabelled {
        true => models[1].heads().iter().map(|h| h.name.clone()).collect(),
        false => columns.iter().map(|c| c.head.clone()).collect(),
    };
    let specs: Vec<&HeadSpec> = names
        .iter()
        .map(|name| shared_head(name, models))
        .collect::<Result<_>>()?;
    let give = |m: &Models| -> Result<Vec<Given>> {
        let place = |s: &&HeadSpec| m.heads().iter().position(|h| h.name == s.name);
        // `shared_head` found each in both.
        let places: Vec<usize> = specs.iter().filter_map(place).collect();
        m.give(rows, tables, &places)
    };
    let given = [give(&models[0])?, give(&models[1])?];
    let gold = match options.unlabelled {
        true => vec![vec![None; specs.len()]; rows.len()],
        false => labelled::targets(rows, specs.iter().copied(), &tables.taxonomy)?,
    };
    let mut flips = Vec::new();
    let mut heads = Vec::new();
    for (k, spec) in specs.iter().enumerate() {
        flips_of(k, spec, &given, &gold, &mut flips);
        if spec.kind == HeadKind::Single && !options.unlabelled {
            heads.push(metrics::compare(
                &spec.name,
                &spec.labels,
                &pairs(k, &given, &gold),
                1,
            ));
        }
    }
    let level = names.iter().position(|n| n == head::URGENCY);
    let gold_level = |row: usize| match gold[row].get(level?)? {
        Some(Target::One(label)) => {
            let code = &specs[level?].labels[*label as usize];
            tables.taxonomy.index(head::URGENCY, code)
        }
        _ => None,
    };
    let floor = FloorChange::of(&given, rows, tables, gold_level, &mut flips);
    let compared = Compared {
        old: models[0].id().to_owned(),
        new: models[1].id().to_owned(),
        n: rows.len(),
        heads,
        floor,
        flips,
    };
    Ok((compared, given))
}

/// The head in both bundles; their labels must be the same, or answers cannot be laid side by side.
fn shared_head<'m>(name: &str, models: &'m [Models; 2]) -> Result<&'m HeadSpec> {
    let [old, new] = models
        .each_ref()
        .map(|m| m.heads().iter().find(|h| h.name == name));
    match (old, new) {
        (Some(old), Some(new)) if old == new => Ok(new),
        (Some(_), Some(_)) => Err(Error::Usage(format!(
            "head `{name}`: the two bundles have other labels: train both on one label set"
        ))),
        _ => Err(Error::Usage(format!(
            "head `{name}`: not in both bundles: name others with --head"
        ))),
    }
}

fn pairs(k: usize, given: &Both, gold: &[Vec<Option<Target>>]) -> Vec<Pair> {
    let [old, new] = given;
    gold.iter()
        .zip(old.iter().zip(new))
        .filter_map(
            |(gold, (old, new))| match (&gold[k], &old.heads[k], &new.heads[k]) {
                (Some(Target::One(gold)), GivenHead::One(old, _), GivenHead::One(new, _)) => {
                    Some(Pair {
                        gold: *gold as usize,
                        old: *old,
                        new: *new,
                    })
                }
                _ => None,
            },
        )
        .collect()
}

fn flips_of(
    k: usize,
    spec: &HeadSpec,
    [old, new]: &Both,
    gold: &[Vec<Option<Target>>],
    flips: &mut Vec<Flip>,
) {
    let labels = |labels: &[usize]| {
        let names: Vec<&str> = labels.iter().map(|l| spec.labels[*l].as_str()).collect();
        names.join("|")
    };
    let shown = |given: &GivenHead| match given {
        GivenHead::One(label, _) => labels(&[*label]),
        GivenHead::Any(all) => labels(all),
    };
    for (row, (old, new)) in old.iter().zip(new).enumerate() {
        let (old, new) = (shown(&old.heads[k]), shown(&new.heads[k]));
        if old != new {
            let gold = match &gold[row][k] {
                Some(Target::One(label)) => labels(&[*label as usize]),
                Some(Target::Any(all)) => {
                    labels(&all.iter().map(|l| *l as usize).collect::<Vec<_>>())
                }
                None => String::new(),
            };
            flips.push(Flip {
                row,
                what: spec.name.clone(),
                old,
                new,
                gold,
            });
        }
    }
}

/// Every answer that changed, for Excel, masked.
fn write_flips(
    path: &std::path::Path,
    compared: &Compared,
    rows: &[Complaint],
    given: &Both,
) -> Result<()> {
    let mut sheet = Sheet::new([
        "文件",
        "行",
        "编号",
        "变化项",
        "旧",
        "新",
        "标注",
        "对错变化",
        "投诉内容（已脱敏）",
    ]);
    for flip in &compared.flips {
        let row = &rows[flip.row];
        let turn = match (flip.gold.as_str(), &flip.old, &flip.new) {
            ("", ..) => "",
            (gold, old, new) if old == gold && new != gold => "对→错",
            (gold, old, new) if new == gold && old != gold => "错→对",
            _ => "错→错",
        };
        sheet.push([
            &*row.position.file,
            &row.position.line.to_string(),
            &row.id,
            &flip.what,
            &flip.old,
            &flip.new,
            &flip.gold,
            turn,
            &given[1][flip.row].masked,
        ]);
    }
    write_whole(path, &sheet.into_bytes())
}
