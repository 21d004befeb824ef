//! `Ticket` to rows of `decisions.csv` and of the work lists, as Excel opens them rightly.
//! Law: no cell can run as a formula, and long numbers keep their digits.

use crate::complaint::Carried;
use crate::error::{Error, Result};
use crate::sink::Names;
use crate::ticket::{NO_RECEIPT, Ticket, write_date};

macro_rules! columns {
    ($($id:ident $key:literal $name:literal),* $(,)?) => {
        /// A column of `decisions.csv`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(non_camel_case_types)]
        enum Column { $($id),* }

        /// Key, and the Chinese name that work lists show, in the order of the file.
        const COLUMNS: &[(&str, &str)] = &[$(($key, $name)),*];
    };
}

columns!(
    id "id" "受理编号",
    received_at "received_at" "收到时间",
    channel "channel" "渠道",
    type_code "type" "类型代码",
    type_name "type_name" "类型",
    type_prob "type_prob" "类型概率",
    band "band" "处理方式",
    reason "reason" "原因代码",
    reason_name "reason_name" "原因",
    reason_prob "reason_prob" "原因概率",
    urgency "urgency" "紧急等级代码",
    urgency_name "urgency_name" "紧急等级",
    urgency_prob "urgency_prob" "等级概率",
    urgency_ground "urgency_ground" "等级理由",
    flags "flags" "标志代码",
    flag_names "flag_names" "标志",
    queue "queue" "队列代码",
    queue_name "queue_name" "队列",
    department "department" "责任部门",
    template "template" "处理单模板",
    due_now "due_now" "法定到期日",
    due_article "due_article" "法定依据",
    acknowledge_by "acknowledge_by" "受理告知时限",
    first_reply_by "first_reply_by" "首次答复时限",
    handle_by "handle_by" "办结目标",
    runners_up "runners_up" "备选类型",
    type_words "type_words" "类型依据词",
    urgency_words "urgency_words" "等级依据词",
    rules "rules" "命中规则",
    amounts "amounts" "金额",
    demands "demands" "诉求",
    masked_text "masked_text" "投诉内容（已脱敏）",
    text_sha256 "text_sha256" "文本指纹",
    bundle "bundle" "模型编号",
);

/// What the cells of a column are, where a file has types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// 0 to 1.
    Prob,
    /// A date.
    Day,
    /// A date or a moment from which something runs.
    From,
    /// A date or a moment by which something is due: a date means its end.
    By,
}

/// By key or by Chinese name; a carried column is text.
pub(super) fn kind_of(name: &str) -> Kind {
    const KINDS: [(Column, Kind); 8] = [
        (Column::received_at, Kind::From),
        (Column::type_prob, Kind::Prob),
        (Column::reason_prob, Kind::Prob),
        (Column::urgency_prob, Kind::Prob),
        (Column::due_now, Kind::Day),
        (Column::acknowledge_by, Kind::By),
        (Column::first_reply_by, Kind::By),
        (Column::handle_by, Kind::By),
    ];
    let named = |(column, kind): &(Column, Kind)| {
        let (key, shown) = COLUMNS[*column as usize];
        (key == name || shown == name).then_some(*kind)
    };
    KINDS.iter().find_map(named).unwrap_or(Kind::Text)
}

/// Keys and kinds of the columns of the decisions, in their order.
pub fn decision_columns() -> impl Iterator<Item = (&'static str, Kind)> {
    COLUMNS.iter().map(|(key, _)| (*key, kind_of(key)))
}

/// The name of a carried column beside ours: one of our names gets `input.` before it.
pub fn carried_name(name: &str) -> String {
    if COLUMNS.iter().any(|c| c.0 == name) {
        format!("input.{name}")
    } else {
        name.to_owned()
    }
}

/// What a work list shows, in the order in which a handler reads; the handling sheet's place follows.
const LIST: [Column; 19] = [
    Column::id,
    Column::received_at,
    Column::channel,
    Column::urgency_name,
    Column::urgency_ground,
    Column::type_name,
    Column::band,
    Column::runners_up,
    Column::reason_name,
    Column::flag_names,
    Column::acknowledge_by,
    Column::first_reply_by,
    Column::handle_by,
    Column::due_now,
    Column::due_article,
    Column::demands,
    Column::amounts,
    Column::type_words,
    Column::masked_text,
];

/// What the filter of tab-separated lines gives; why a record was rejected follows.
const LINE: [Column; 14] = [
    Column::id,
    Column::type_code,
    Column::reason,
    Column::urgency,
    Column::flags,
    Column::band,
    Column::queue,
    Column::template,
    Column::type_prob,
    Column::due_now,
    Column::handle_by,
    Column::demands,
    Column::masked_text,
    Column::bundle,
];

/// A record that was rejected: `\N` in every cell but the last.
pub fn reject_line(code: &str, out: &mut Vec<u8>) {
    for _ in LINE {
        out.extend(b"\\N\t");
    }
    out.extend(code.as_bytes());
    out.push(b'\n');
}

/// The columns of one run: ours, then the carried ones of all inputs.
#[derive(Debug, Clone)]
pub struct Layout {
    carried: Vec<String>,
    with_members: bool,
}

impl Layout {
    /// `inputs`: carried column names of each input, `None` for JSON Lines, whose members share one column.
    pub fn new<'a>(inputs: impl Iterator<Item = Option<&'a [String]>>) -> Layout {
        let mut layout = Layout {
            carried: Vec::new(),
            with_members: false,
        };
        for names in inputs {
            match names {
                Some(names) => {
                    for name in names {
                        if !layout.carried.contains(name) {
                            layout.carried.push(name.clone());
                        }
                    }
                }
                None => layout.with_members = true,
            }
        }
        layout
    }

    /// For each carried column, which cell of an input with these columns stands in it.
    pub fn places(&self, names: &[String]) -> Vec<Option<usize>> {
        self.carried
            .iter()
            .map(|c| names.iter().rposition(|n| n == c))
            .collect()
    }

    /// Header of `decisions.csv`: a carried column with one of our names gets `input.` before it.
    pub fn header(&self) -> Vec<u8> {
        let own = COLUMNS.iter().map(|c| c.0.to_owned());
        let carried = self.carried.iter().map(|name| carried_name(name));
        let members = self.with_members.then(|| "carried".to_owned());
        let mut row = Row::new();
        for cell in own.chain(carried).chain(members) {
            row.put(&cell);
        }
        row.finish()
    }
}

/// Header of a work list.
pub fn list_header() -> Vec<u8> {
    let mut row = Row::new();
    for column in LIST {
        row.put(COLUMNS[column as usize].1);
    }
    row.put("处理单");
    row.finish()
}

/// Cells of a ticket by column, made once for both tables; reused between tickets.
#[derive(Debug)]
pub struct Cells {
    values: Vec<String>,
}

impl Default for Cells {
    fn default() -> Cells {
        Cells {
            values: vec![String::new(); COLUMNS.len()],
        }
    }
}

impl Cells {
    pub fn new() -> Cells {
        Cells::default()
    }

    /// In the order of `decision_columns`; an empty one says that there is nothing to say.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    fn clear(&mut self, column: Column) -> &mut String {
        let value = &mut self.values[column as usize];
        value.clear();
        value
    }

    /// Reads all cells off a ticket.
    pub fn read(&mut self, ticket: &Ticket<'_>, names: Names<'_>) {
        let tables = names.tables;
        let taxonomy = &tables.taxonomy;
        let d = &ticket.decision;
        let type_ = d.type_.first();
        let reason = d.reason.first();
        let urgency = d.urgency.first();
        self.clear(Column::id).push_str(&ticket.complaint.id);
        if let Some(at) = &ticket.complaint.received {
            at.write_to(self.clear(Column::received_at));
        } else {
            self.clear(Column::received_at);
        }
        let channel = ticket.complaint.channel.map(|c| &taxonomy.channels[c].name);
        self.clear(Column::channel)
            .push_str(channel.map_or("", |c| c));
        let label = &taxonomy.types[type_.label].label;
        self.clear(Column::type_code).push_str(&label.code);
        self.clear(Column::type_name).push_str(&label.name);
        push_prob(self.clear(Column::type_prob), type_.prob);
        self.clear(Column::band).push_str(d.band.code());
        let label = &taxonomy.reasons[reason.label].label;
        self.clear(Column::reason).push_str(&label.code);
        self.clear(Column::reason_name).push_str(&label.name);
        push_prob(self.clear(Column::reason_prob), reason.prob);
        let label = &taxonomy.levels[d.level].label;
        self.clear(Column::urgency).push_str(&label.code);
        self.clear(Column::urgency_name).push_str(&label.name);
        push_prob(self.clear(Column::urgency_prob), urgency.prob);
        ticket.level_ground(tables, self.clear(Column::urgency_ground));
        let flags = d.flags.iter().map(|f| taxonomy.flags[f.flag].code.as_str());
        join(self.clear(Column::flags), flags, " ");
        let shown = d.flags.iter().map(|f| taxonomy.flags[f.flag].name.as_str());
        join(self.clear(Column::flag_names), shown, "、");
        let queue = &taxonomy.queues[ticket.route.queue];
        self.clear(Column::queue).push_str(&queue.code);
        self.clear(Column::queue_name).push_str(&queue.name);
        self.clear(Column::department).push_str(&queue.department);
        let stem = ticket.template(tables).map_or("", |t| &t.stem);
        self.clear(Column::template).push_str(stem);
        self.read_dates(ticket);
        let runners = d.type_.ranked.iter().skip(1);
        let out = self.clear(Column::runners_up);
        for r in runners {
            if !out.is_empty() {
                out.push('；');
            }
            out.push_str(&taxonomy.types[r.label].label.name);
            out.push(' ');
            push_prob(out, r.prob);
        }
        join(
            self.clear(Column::type_words),
            ticket.words(&ticket.type_words),
            " ",
        );
        join(
            self.clear(Column::urgency_words),
            ticket.words(&ticket.level_words),
            " ",
        );
        join(self.clear(Column::rules), ticket.rule_names(tables), "；");
        ticket.amounts(self.clear(Column::amounts));
        let demands = ticket.demands(tables);
        join(self.clear(Column::demands), demands.into_iter(), "；");
        self.clear(Column::masked_text)
            .push_str(ticket.clean.text());
        self.clear(Column::text_sha256)
            .push_str(&ticket.text_sha256);
        self.clear(Column::bundle).push_str(names.bundle_of(ticket));
    }

    fn read_dates(&mut self, ticket: &Ticket<'_>) {
        let dated = [
            Column::due_now,
            Column::due_article,
            Column::acknowledge_by,
            Column::first_reply_by,
            Column::handle_by,
        ];
        let Some(due) = &ticket.due else {
            for column in dated {
                self.clear(column);
            }
            self.clear(Column::due_now).push_str(NO_RECEIPT);
            return;
        };
        match &due.in_force {
            Some(date) => {
                write_date(date, self.clear(Column::due_now));
                self.clear(Column::due_article)
                    .push_str(date.article.unwrap_or(""));
            }
            None => {
                self.clear(Column::due_now).push_str(due.status.label());
                self.clear(Column::due_article);
            }
        }
        write_date(&due.targets.acknowledge, self.clear(Column::acknowledge_by));
        write_date(&due.targets.first_reply, self.clear(Column::first_reply_by));
        write_date(&due.targets.handle, self.clear(Column::handle_by));
    }

    /// One row of `decisions.csv`, and its bytes; `places` as `Layout::places` gives them.
    pub fn decision_row<'r>(
        &self,
        ticket: &Ticket<'_>,
        layout: &Layout,
        places: &[Option<usize>],
        row: &'r mut Row,
    ) -> Result<&'r [u8]> {
        for value in &self.values {
            row.put(value);
        }
        let mut members = String::new();
        let mut own: &[String] = &[];
        match &ticket.complaint.carried {
            Carried::Cells(cells) => own = cells,
            Carried::Members(found) if !found.is_empty() => {
                members = serde_json::to_string(found)
                    .map_err(|e| Error::Failed(format!("carried members: {e}")))?;
            }
            Carried::Members(_) => {}
        }
        for place in places {
            let cell = place.and_then(|i| own.get(i));
            row.put(cell.map_or("", String::as_str));
        }
        if layout.with_members {
            row.put(&members);
        }
        Ok(row.end())
    }

    /// One tab-separated line, as Hive and Spark read what a script gives: `\N` for nothing, escapes for tabs and line ends.
    pub fn line(&self, out: &mut Vec<u8>) {
        for column in LINE {
            let cell = &self.values[column as usize];
            if cell.is_empty() {
                out.extend(b"\\N");
            }
            for byte in cell.bytes() {
                match byte {
                    b'\t' => out.extend(b"\\t"),
                    b'\n' => out.extend(b"\\n"),
                    b'\r' => out.extend(b"\\r"),
                    b'\\' => out.extend(b"\\\\"),
                    _ => out.push(byte),
                }
            }
            out.push(b'\t');
        }
        out.extend(b"\\N\n");
    }

    /// One row of a work list; `reply` says where the handling sheet is.
    pub fn list_row(&self, reply: &str, row: &mut Row) {
        for column in LIST {
            row.put(&self.values[column as usize]);
        }
        row.put(reply);
        row.end();
    }
}

/// Three decimals, without the general float printer: six of these stand in every row.
fn push_prob(out: &mut String, prob: f32) {
    let thousandths = (prob * 1000.0).round() as u32;
    let digit = |n: u32| char::from(b'0' + (n % 10) as u8);
    out.extend([digit(thousandths / 1000), '.']);
    out.extend([100, 10, 1].map(|unit| digit(thousandths / unit)));
}

fn join<'a>(out: &mut String, parts: impl Iterator<Item = &'a str>, between: &str) {
    for part in parts {
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(part);
    }
}

/// Rows in memory, in the form of RFC 4180 that the csv crate reads; written here because eighty cells a complaint through
/// a general writer cost more than its segmentation.
#[derive(Default)]
pub struct Row {
    bytes: Vec<u8>,
    /// Cells as they are, for a file with types: no guards against Excel's readings.
    plain: bool,
    /// Where the row under way begins.
    start: usize,
}

impl Row {
    pub fn new() -> Row {
        Row::default()
    }

    /// Rows that another writer of ours reads back.
    pub fn plain() -> Row {
        Row {
            plain: true,
            ..Row::default()
        }
    }

    /// Adds a cell to the row under way.
    pub fn put(&mut self, cell: &str) {
        if self.bytes.len() > self.start {
            self.bytes.push(b',');
        }
        let quoted = needs_quotes(cell.as_bytes());
        // A row of nothing but one empty cell would be read as no row.
        let quoted = quoted || (cell.is_empty() && self.bytes.len() == self.start);
        if quoted {
            self.bytes.push(b'"');
        }
        if !self.plain {
            self.bytes.extend(guard(cell));
        }
        if quoted {
            let mut parts = cell.split('"');
            self.bytes.extend(parts.next().unwrap_or("").as_bytes());
            for part in parts {
                self.bytes.extend(b"\"\"");
                self.bytes.extend(part.as_bytes());
            }
            self.bytes.push(b'"');
        } else {
            self.bytes.extend(cell.as_bytes());
        }
    }

    /// Ends the row under way; returns its bytes.
    pub fn end(&mut self) -> &[u8] {
        self.bytes.extend(b"\r\n");
        let start = std::mem::replace(&mut self.start, self.bytes.len());
        &self.bytes[start..]
    }

    /// Ends the row and returns all bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.end();
        self.bytes
    }

    /// The bytes of the rows ended so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.start]
    }

    /// No rows, and the room of those that were.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// The bytes of the rows ended so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn needs_quotes(cell: &[u8]) -> bool {
    if cell.len() < 16 {
        return cell
            .iter()
            .fold(0, |found, b| found | QUOTED[usize::from(*b)])
            != 0;
    }
    memchr::memchr3(b',', b'"', b'\n', cell).is_some() || memchr::memchr(b'\r', cell).is_some()
}

/// 1 for the bytes for which a cell stands in quotes.
const QUOTED: [u8; 256] = {
    let mut quoted = [0; 256];
    quoted[b',' as usize] = 1;
    quoted[b'"' as usize] = 1;
    quoted[b'\r' as usize] = 1;
    quoted[b'\n' as usize] = 1;
    quoted
};

/// What must stand before a cell: `'` before a formula, a tab before digits that Excel would round or shorten.
pub(super) fn guard(cell: &str) -> Option<u8> {
    let first = cell.bytes().next()?;
    match first {
        b'=' | b'@' | b'\t' | b'\r' => Some(b'\''),
        b'+' | b'-' if cell.parse::<f64>().is_err() => Some(b'\''),
        b'0'..=b'9' if cell.bytes().all(|b| b.is_ascii_digit()) => {
            (cell.len() >= 12 || (first == b'0' && cell.len() > 1)).then_some(b'\t')
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_long_numbers_are_guarded() {
        assert_eq!(guard("=1+1"), Some(b'\''));
        assert_eq!(guard("@SUM(A1)"), Some(b'\''));
        assert_eq!(guard("+8613800138000x"), Some(b'\''));
        assert_eq!(guard("-12.5"), None);
        assert_eq!(guard("20260301000123456"), Some(b'\t'));
        assert_eq!(guard("007"), Some(b'\t'));
        assert_eq!(guard("0"), None);
        assert_eq!(guard("12345"), None);
        assert_eq!(guard("退款"), None);
        assert_eq!(guard(""), None);
    }
}
