//! Records to the bytes of every file: what one thread makes of one chunk, and how it is put into the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::summary::{Summary, count, count_reject};
use super::{Format, Lists};
use crate::cases::Telling;
use crate::complaint::Complaint;
use crate::error::Result;
use crate::pipeline::{Triage, Workspace};
use crate::proof::{LEAF_BYTES, Tree, leaf};
use crate::reply::{Slot, Slots};
use crate::sink::{Cells, Layout, MARK, Names, Outputs, Row, line_of, list_header, write_ticket};
use crate::source::Record;
use crate::ticket::Ticket;

/// What one chunk of records became.
///
/// Used again when its bytes are in the files: a fresh one a chunk costs a tenth of the run in pages and copies.
#[derive(Default)]
pub(super) struct Written {
    paper: Paper,
    decisions: Row,
    /// In the place of `decisions`, for JSON Lines.
    lines: Vec<u8>,
    /// Leaves of the decisions, one after the other.
    decision_leaves: Vec<u8>,
    rejects: Vec<u8>,
    reject_leaves: Vec<u8>,
    lists: BTreeMap<usize, Row>,
    sheets: BTreeMap<usize, String>,
    /// Tellings by partition, with `--store`.
    spool: BTreeMap<usize, Vec<u8>>,
    /// Latest day of receipt, days since 1970-01-01.
    pub latest: Option<i32>,
    pub counts: Summary,
}

impl Written {
    /// Empty, with the room that it had.
    fn clear(&mut self) {
        let bytes = [
            &mut self.lines,
            &mut self.decision_leaves,
            &mut self.rejects,
            &mut self.reject_leaves,
        ];
        bytes.into_iter().for_each(Vec::clear);
        self.decisions.clear();
        // Kept, each would grow to the most that any chunk ever put there.
        self.lists.clear();
        self.sheets.clear();
        self.spool.clear();
        self.latest = None;
        self.counts = Summary::default();
    }
}

/// An input as its chunks need it.
pub(super) struct InputPlace {
    /// From 0.
    pub number: u32,
    /// Its cells in the order of the layout.
    pub cells: Vec<Option<usize>>,
}

/// Where the tellings of a partition stand while the run is under way.
pub(super) fn spool_name(partition: usize) -> PathBuf {
    PathBuf::from(format!("spool/{partition:04}"))
}

/// Where the leaves of each row lie: `audit verify` names the first row that differs by them.
pub(crate) const DECISION_LEAVES: &str = "proof/decisions.leaves";
pub(crate) const REJECT_LEAVES: &str = "proof/rejects.leaves";
/// Ending of the rows of which a workbook is made at the end.
pub(super) const LIST_ROWS: &str = "rows";
pub(crate) const REJECTS: &str = "rejects.jsonl";

/// How the decisions of one run are written.
pub(crate) struct Desk<'t> {
    pub triage: &'t Triage,
    pub names: Names<'t>,
    pub layout: Layout,
    pub format: Format,
    pub lists: Lists,
    /// Tellings are kept for `cases`.
    pub spools: bool,
    spare: Mutex<Vec<Written>>,
}

/// Reused between records.
#[derive(Default)]
struct Paper {
    cells: Cells,
    slots: Slots,
}

impl<'t> Desk<'t> {
    pub fn new(triage: &'t Triage, layout: Layout, format: Format, lists: Lists) -> Desk<'t> {
        Desk {
            triage,
            names: triage.names(),
            layout,
            format,
            lists,
            spools: false,
            spare: Mutex::default(),
        }
    }

    fn blank(&self) -> Written {
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        spare.unwrap_or_else(|| Written {
            decisions: self.decision_rows(),
            ..Written::default()
        })
    }

    /// Rows in the form that their file needs.
    fn decision_rows(&self) -> Row {
        match self.format {
            Format::Parquet => Row::plain(),
            _ => Row::new(),
        }
    }

    fn list_rows(&self) -> Row {
        match self.lists {
            Lists::Xlsx => Row::plain(),
            Lists::Csv => Row::new(),
        }
    }

    /// The row of one complaint as it stands in the decisions file, line end included.
    pub fn row(
        &self,
        complaint: &Complaint,
        places: &[Option<usize>],
        work: &mut Workspace,
    ) -> Result<Vec<u8>> {
        let ticket = self.triage.one(complaint, work)?;
        let mut cells = Cells::new();
        cells.read(&ticket, self.names);
        let mut row = self.decision_rows();
        let mut bytes = Vec::new();
        match self.format {
            Format::Csv | Format::Parquet => {
                cells.decision_row(&ticket, &self.layout, places, &mut row)?;
                bytes = row.into_bytes();
            }
            Format::Jsonl => write_ticket(&ticket, self.names, &mut bytes)?,
        }
        Ok(bytes)
    }

    /// Decides a chunk and writes its rows in memory.
    pub(super) fn chunk(
        &self,
        records: &[Record],
        input: &InputPlace,
        work: &mut Workspace,
    ) -> Result<Written> {
        let mut out = self.blank();
        self.triage.each(records, work, |decided| match decided {
            Ok(ticket) => self.add(&ticket, input, &mut out),
            Err(rejected) => {
                let start = out.rejects.len();
                line_of(rejected, &mut out.rejects)?;
                out.reject_leaves.extend(leaf(&out.rejects[start..]));
                count_reject(&mut out.counts, rejected.code);
                Ok(())
            }
        })?;
        Ok(out)
    }

    fn add(&self, ticket: &Ticket<'_>, input: &InputPlace, out: &mut Written) -> Result<()> {
        count(&mut out.counts, ticket, self.names);
        let cells = &mut out.paper.cells;
        cells.read(ticket, self.names);
        let row = match self.format {
            Format::Csv | Format::Parquet => {
                cells.decision_row(ticket, &self.layout, &input.cells, &mut out.decisions)?
            }
            Format::Jsonl => {
                let start = out.lines.len();
                write_ticket(ticket, self.names, &mut out.lines)?;
                &out.lines[start..]
            }
        };
        out.decision_leaves.extend(leaf(row));
        self.list(ticket, out);
        if self.spools {
            self.spool(ticket, input, out);
        }
        Ok(())
    }

    /// The ticket's handling sheet, and its row in the list of its queue.
    fn list(&self, ticket: &Ticket<'_>, out: &mut Written) {
        let queue = ticket.route.queue;
        let sheets = out.sheets.entry(queue).or_default();
        let before = sheets.len();
        let place = match self.sheet(ticket, &mut out.paper.slots, sheets) {
            Ok(()) => format!(
                "replies/{}.md",
                self.names.tables.taxonomy.queues[queue].code
            ),
            Err(slot) => {
                sheets.truncate(before);
                let missing = &mut out.counts.sheets_missing_slot;
                *missing.entry(slot.name().to_owned()).or_default() += 1;
                format!("缺少必填项 {}", slot.name())
            }
        };
        let rows = out.lists.entry(queue).or_insert_with(|| self.list_rows());
        out.paper.cells.list_row(&place, rows);
    }

    /// What is kept of the complaint to find it told again.
    fn spool(&self, ticket: &Ticket<'_>, input: &InputPlace, out: &mut Written) {
        let tables = self.names.tables;
        let mut telling = Telling::of(ticket, tables);
        telling.input = input.number;
        out.latest = out.latest.max(telling.day);
        let partition = telling.partition(tables.cases.partitions);
        telling.encode(out.spool.entry(partition).or_default());
    }

    /// The filled handling sheet under a heading with the complaint's id.
    fn sheet(
        &self,
        ticket: &Ticket<'_>,
        slots: &mut Slots,
        out: &mut String,
    ) -> std::result::Result<(), Slot> {
        let Some(template) = ticket.template(self.names.tables) else {
            return Err(Slot::r#type);
        };
        ticket.fill(self.names.tables, slots);
        out.push_str("\n---\n\n");
        template.fill(slots, out)?;
        out.push('\n');
        Ok(())
    }

    /// Appends a chunk to the files; an empty one opens those that every run has.
    pub(super) fn put(
        &self,
        outputs: &mut Outputs,
        decisions: &mut Tree,
        rejects: &mut Tree,
        mut chunk: Written,
    ) -> Result<()> {
        let none = Vec::new;
        let with_mark = |head: Vec<u8>| [MARK, &head].concat();
        let name = Path::new(self.format.rows());
        match self.format {
            Format::Csv => {
                let head = || with_mark(self.layout.header());
                outputs.write(name, &head, chunk.decisions.bytes())?;
            }
            Format::Parquet => {
                outputs.write(name, &|| self.layout.header(), chunk.decisions.bytes())?;
            }
            Format::Jsonl => outputs.write(name, &none, &chunk.lines)?,
        }
        outputs.write(Path::new(DECISION_LEAVES), &none, &chunk.decision_leaves)?;
        outputs.write(Path::new(REJECTS), &none, &chunk.rejects)?;
        outputs.write(Path::new(REJECT_LEAVES), &none, &chunk.reject_leaves)?;
        for (leaves, tree) in [
            (&chunk.decision_leaves, decisions),
            (&chunk.reject_leaves, rejects),
        ] {
            let (leaves, _) = leaves.as_chunks::<LEAF_BYTES>();
            leaves.iter().for_each(|l| tree.push(*l));
        }
        for (partition, tellings) in &chunk.spool {
            outputs.write(&spool_name(*partition), &none, tellings)?;
        }
        let queues = &self.triage.tables.taxonomy.queues;
        for (queue, rows) in &chunk.lists {
            let rows = rows.bytes();
            let code = &queues[*queue].code;
            match self.lists {
                Lists::Csv => {
                    let name = PathBuf::from(format!("lists/{code}.csv"));
                    outputs.write(&name, &|| with_mark(list_header()), rows)?;
                }
                Lists::Xlsx => {
                    let name = PathBuf::from(format!("lists/{code}.{LIST_ROWS}"));
                    outputs.write(&name, &list_header, rows)?;
                }
            }
        }
        for (queue, sheets) in &chunk.sheets {
            let queue = &queues[*queue];
            let name = PathBuf::from(format!("replies/{}.md", queue.code));
            let head = || format!("# {} · 处理单\n", queue.name).into_bytes();
            outputs.write(&name, &head, sheets.as_bytes())?;
        }
        chunk.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(chunk);
        Ok(())
    }
}
