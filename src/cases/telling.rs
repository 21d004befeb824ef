//! A `Ticket` in, a `Telling` out: what of a decided complaint is kept to compare it with others; and its bytes.
//! Law: masked text only, the complainant only as a key; `decode(encode(t)) == t`; a damaged record is an error, never a guess.

use std::ops::Range;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::bytes::{Bytes, put_i64, put_str, put_u64};
use crate::clock::Moment;
use crate::decide::{HeadDecision, Ranked};
use crate::tables::Tables;
use crate::ticket::Ticket;

/// First byte of every record.
const VERSION: u8 = 1;
/// Words of evidence kept as key phrases.
const N_PHRASES: usize = 3;

/// Sixteen bytes that name something: a receipt, a complainant, a text.
pub type Key = [u8; 16];

/// A place in `Telling::text`, in bytes.
pub type Span = Range<u32>;

/// One receipt of a complaint, as spool and store keep it.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Names the receipt: id, time of receipt, complainant and text. Equal keys are one receipt.
    pub key: Key,
    /// Who tells: the complainant, or the wording where the complainant is unknown. Only equal links are compared.
    pub link: Key,
    /// Whether the complainant is known.
    pub is_known: bool,
    /// Which input of the run, from 0; the caller may set it, so that rows stand in the order of the inputs.
    pub input: u32,
    /// Record number in its input, from 1.
    pub row: u64,
    pub id: String,
    /// Days since 1970-01-01 in Shanghai; `None` if the record says not when it was received.
    pub day: Option<i32>,
    /// Seconds of that day, where a time was given.
    pub second: Option<u32>,
    pub institution: String,
    /// Codes of the taxonomy; the channel's is empty where it is unknown.
    pub channel: String,
    pub type_: String,
    pub reason: String,
    /// The three most probable types and reasons with their probability in thousandths.
    pub types: Vec<(String, u16)>,
    pub reasons: Vec<(String, u16)>,
    /// People who complain together, as the text says; 0 if it does not.
    pub people: u32,
    /// The customer's words, masked; turns on lines of their own.
    pub text: String,
    /// Sums in hundredths of a yuan.
    pub amounts: Vec<(Span, i64)>,
    /// Dates: year or 0, month, day.
    pub dates: Vec<(Span, (i16, i8, i8))>,
    /// Names of `products.toml`.
    pub products: Vec<(Span, String)>,
    /// Names of `demands.toml`.
    pub demands: Vec<(Span, String)>,
    /// Words that spoke most for the type.
    pub phrases: Vec<String>,
}

impl Telling {
    /// Takes off a ticket what cases need; about two microseconds.
    pub fn of(ticket: &Ticket<'_>, tables: &Tables) -> Telling {
        let complaint = ticket.complaint;
        let d = &ticket.decision;
        let taxonomy = &tables.taxonomy;
        let whole = ticket.clean.text();
        let mut text = String::with_capacity(whole.len());
        // Where each deciding turn began, and where it begins now.
        let mut moved: Vec<(Range<usize>, usize)> = Vec::new();
        for range in ticket.clean.deciding() {
            if !text.is_empty() {
                text.push('\n');
            }
            moved.push((range.clone(), text.len()));
            text.push_str(&whole[range]);
        }
        let span = |r: &Range<usize>| {
            let holds =
                |(old, _): &&(Range<usize>, usize)| old.start <= r.start && r.end <= old.end;
            let (old, new) = moved.iter().find(holds)?;
            let start = (r.start - old.start + new) as u32;
            Some(start..start + r.len() as u32)
        };
        let facts = &ticket.findings.facts;
        let cues = &tables.cues;
        let phrases = ticket.words(&ticket.type_words);
        let phrases = phrases.filter(|w| is_phrase(w)).take(N_PHRASES);
        let mut telling = Telling {
            key: [0; 16],
            link: [0; 16],
            is_known: complaint.complainant.is_some(),
            input: 0,
            row: complaint.position.row,
            id: complaint.id.clone(),
            day: complaint.received.as_ref().map(|m| day_number(m.date())),
            second: complaint.received.as_ref().and_then(second_of),
            institution: complaint.institution.clone().unwrap_or_default(),
            channel: complaint
                .channel
                .map_or_else(String::new, |c| taxonomy.channels[c].code.clone()),
            type_: ticket.type_code(tables).to_owned(),
            reason: taxonomy.reasons[d.reason.first().label].label.code.clone(),
            types: ranked(&d.type_, |label| &taxonomy.types[label].label.code),
            reasons: ranked(&d.reason, |label| &taxonomy.reasons[label].label.code),
            people: facts.people.as_ref().map_or(0, |p| p.value),
            amounts: facts
                .amounts
                .iter()
                .filter_map(|a| Some((span(&a.range)?, a.fen)))
                .collect(),
            dates: facts
                .dates
                .iter()
                .filter_map(|d| Some((span(&d.range)?, (d.ymd.0.unwrap_or(0), d.ymd.1, d.ymd.2))))
                .collect(),
            products: ticket
                .findings
                .products
                .iter()
                .filter_map(|h| Some((span(&h.range)?, cues.product_name(h).to_owned())))
                .collect(),
            demands: ticket
                .findings
                .demands
                .iter()
                .filter_map(|h| Some((span(&h.range)?, cues.demand_name(h).to_owned())))
                .collect(),
            phrases: phrases.map(str::to_owned).collect(),
            text,
        };
        telling.link = match complaint.complainant {
            Some(key) => key.0,
            None => wording(&telling.text, &telling.institution),
        };
        telling.key = telling.receipt();
        // Short words are everybody's: each such telling is a person of its own.
        let n_letters = telling.text.chars().filter(|c| c.is_alphanumeric()).count();
        if !telling.is_known && n_letters < tables.cases.repeat.least_letters {
            telling.link = telling.key;
        }
        telling
    }

    /// The partition, of `n`, in which everything that may be the same case lies.
    pub fn partition(&self, n: usize) -> usize {
        partition_of(&self.link, n)
    }

    /// The order of the inputs.
    pub fn order(&self) -> (u32, u64) {
        (self.input, self.row)
    }

    /// Time of receipt as people read it; empty if unknown.
    pub fn received(&self) -> String {
        let Some(day) = self.day else {
            return String::new();
        };
        let date = date_of(day);
        let mut out = String::new();
        let moment = match self.second {
            Some(s) => {
                let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
                Moment::at(date.at(h as i8, m as i8, s as i8, 0))
            }
            None => Moment::on(date),
        };
        moment.write_to(&mut out);
        out
    }

    fn receipt(&self) -> Key {
        let mut bytes = Vec::with_capacity(self.text.len() + 96);
        put_str(&mut bytes, &self.id);
        put_i64(&mut bytes, self.day.map_or(i64::MIN, i64::from));
        put_u64(&mut bytes, self.second.map_or(u64::MAX, u64::from));
        bytes.extend(self.link);
        bytes.extend(self.text.as_bytes());
        key_of(&bytes)
    }

    /// Appends the record: its length in four bytes, then itself.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        out.push(VERSION);
        out.extend(self.key);
        out.extend(self.link);
        out.extend(self.day.unwrap_or(NO_DAY).to_le_bytes());
        out.push(u8::from(self.is_known));
        put_u64(out, u64::from(self.input));
        put_u64(out, self.row);
        put_str(out, &self.id);
        put_u64(out, self.second.map_or(0, |s| u64::from(s) + 1));
        for part in [&self.institution, &self.channel, &self.type_, &self.reason] {
            put_str(out, part);
        }
        for ranked in [&self.types, &self.reasons] {
            put_u64(out, ranked.len() as u64);
            for (code, thousandths) in ranked {
                put_str(out, code);
                put_u64(out, u64::from(*thousandths));
            }
        }
        put_u64(out, u64::from(self.people));
        put_str(out, &self.text);
        put_u64(out, self.amounts.len() as u64);
        for (span, fen) in &self.amounts {
            put_span(out, span);
            put_i64(out, *fen);
        }
        put_u64(out, self.dates.len() as u64);
        for (span, (year, month, day)) in &self.dates {
            put_span(out, span);
            put_i64(out, i64::from(*year));
            out.extend([month.cast_unsigned(), day.cast_unsigned()]);
        }
        for named in [&self.products, &self.demands] {
            put_u64(out, named.len() as u64);
            for (span, name) in named {
                put_span(out, span);
                put_str(out, name);
            }
        }
        put_u64(out, self.phrases.len() as u64);
        for phrase in &self.phrases {
            put_str(out, phrase);
        }
        let len = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }

    /// Reads one record without its length; `None` if it is damaged or of another version.
    pub fn decode(record: &[u8]) -> Option<Telling> {
        let head = Head::of(record)?;
        let mut r = Bytes::new(&record[HEAD_BYTES..]);
        let mut telling = Telling {
            key: head.key,
            link: head.link,
            day: head.day,
            is_known: r.byte()? == 1,
            input: r.u64()?.try_into().ok()?,
            row: r.u64()?,
            id: r.string()?,
            second: match r.u64()? {
                0 => None,
                s => Some((s - 1).try_into().ok()?),
            },
            institution: r.string()?,
            channel: r.string()?,
            type_: r.string()?,
            reason: r.string()?,
            types: ranked_in(&mut r)?,
            reasons: ranked_in(&mut r)?,
            people: r.u64()?.try_into().ok()?,
            text: r.string()?,
            amounts: Vec::new(),
            dates: Vec::new(),
            products: Vec::new(),
            demands: Vec::new(),
            phrases: Vec::new(),
        };
        for _ in 0..r.u64()? {
            telling
                .amounts
                .push((span_in(&mut r, &telling.text)?, r.i64()?));
        }
        for _ in 0..r.u64()? {
            let span = span_in(&mut r, &telling.text)?;
            let year = r.i64()?.try_into().ok()?;
            let day = (year, r.byte()?.cast_signed(), r.byte()?.cast_signed());
            telling.dates.push((span, day));
        }
        for _ in 0..r.u64()? {
            telling
                .products
                .push((span_in(&mut r, &telling.text)?, r.string()?));
        }
        for _ in 0..r.u64()? {
            telling
                .demands
                .push((span_in(&mut r, &telling.text)?, r.string()?));
        }
        for _ in 0..r.u64()? {
            telling.phrases.push(r.string()?);
        }
        r.is_empty().then_some(telling)
    }
}

/// What stands at fixed places at the beginning of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub key: Key,
    pub link: Key,
    pub day: Option<i32>,
}

const HEAD_BYTES: usize = 1 + 16 + 16 + 4;
const NO_DAY: i32 = i32::MIN;

impl Head {
    /// Of a record without its length; `None` if it is damaged or of another version.
    pub fn of(record: &[u8]) -> Option<Head> {
        let mut r = Bytes::new(record.get(..HEAD_BYTES)?);
        if r.byte()? != VERSION {
            return None;
        }
        let (key, link) = (r.key()?, r.key()?);
        let day = i32::from_le_bytes(record[33..HEAD_BYTES].try_into().ok()?);
        let day = (day != NO_DAY).then_some(day);
        Some(Head { key, link, day })
    }
}

/// Two characters or more, none of a mask or a number.
fn is_phrase(word: &str) -> bool {
    word.chars().count() >= 2 && word.chars().all(char::is_alphabetic)
}

/// The partition of a link.
pub fn partition_of(link: &Key, n: usize) -> usize {
    let head = u32::from_le_bytes([link[0], link[1], link[2], link[3]]);
    head as usize % n.max(1)
}

/// Names the letters of a text, marks and spaces not counted, and whom it is about.
fn wording(text: &str, institution: &str) -> Key {
    let mut bytes = Vec::with_capacity(text.len() + institution.len() + 1);
    let mut buffer = [0; 4];
    for c in text.chars().filter(|c| c.is_alphanumeric()) {
        bytes.extend(c.encode_utf8(&mut buffer).as_bytes());
    }
    bytes.push(0);
    bytes.extend(institution.as_bytes());
    key_of(&bytes)
}

pub(super) fn key_of(bytes: &[u8]) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(bytes)[..16]);
    key
}

fn epoch() -> Date {
    jiff::civil::date(1970, 1, 1)
}

/// Days since 1970-01-01.
pub fn day_number(date: Date) -> i32 {
    (epoch().duration_until(date).as_hours() / 24) as i32
}

/// The date so many days after 1970-01-01; stops at the last date there is.
pub fn date_of(day: i32) -> Date {
    epoch().saturating_add(jiff::SignedDuration::from_hours(24 * i64::from(day)))
}

fn second_of(moment: &Moment) -> Option<u32> {
    let t = moment.start().time();
    let seconds = (i32::from(t.hour()) * 60 + i32::from(t.minute())) * 60 + i32::from(t.second());
    moment.has_time().then_some(seconds.unsigned_abs())
}

fn put_span(out: &mut Vec<u8>, span: &Span) {
    put_u64(out, u64::from(span.start));
    put_u64(out, u64::from(span.end - span.start));
}

fn ranked<'t>(head: &HeadDecision, code: impl Fn(usize) -> &'t String) -> Vec<(String, u16)> {
    let of = |r: &Ranked| (code(r.label).clone(), (r.prob * 1000.0).round() as u16);
    head.ranked.iter().map(of).collect()
}

fn ranked_in(r: &mut Bytes<'_>) -> Option<Vec<(String, u16)>> {
    let mut out = Vec::new();
    for _ in 0..r.u64()? {
        out.push((r.string()?, r.u64()?.try_into().ok()?));
    }
    Some(out)
}

/// A span that is one of `text`.
fn span_in(r: &mut Bytes<'_>, text: &str) -> Option<Span> {
    let start = r.u64()?;
    let end = start.checked_add(r.u64()?)?;
    text.get(start as usize..end as usize)?;
    Some(start as u32..end as u32)
}
