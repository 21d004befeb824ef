//! What a person says about a decision, to a row of labels that `xiaobao train` takes.
//! Laws: the text is masked again, whatever the form brings; a row is whole or not there; formulas are neutralised.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::Shared;
use super::auth::Caller;
use super::decide::in_pool;
use super::page;
use super::problem::Problem;
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::pipeline::Triage;
use crate::sink::{MARK, Row};
use crate::taxonomy::head;

/// The labelled columns have the names that `train` looks for; the rest says where the row comes from.
const COLUMNS: [&str; 12] = [
    "id",
    "text",
    "channel",
    head::TYPE,
    head::REASON,
    head::URGENCY,
    head::FLAGS,
    "was",
    "note",
    "by",
    "bundle",
    "corrected_at",
];

/// Longest note, characters.
const NOTE_CHARS: usize = 500;

fn header() -> Vec<u8> {
    let mut row = Row::new();
    COLUMNS.iter().for_each(|c| row.put(c));
    [MARK, &row.finish()].concat()
}

/// Opens the file for one more row, makes it if it is missing; a file with other columns is refused.
pub(super) fn open(path: &Path) -> Result<File> {
    let failed = |e| Error::io(path, "cannot be opened", e);
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    // Until the file is dropped: another server may write to it too.
    file.lock().map_err(failed)?;
    let header = header();
    let mut found = Vec::new();
    let n = header.len() as u64;
    Read::by_ref(&mut file)
        .take(n)
        .read_to_end(&mut found)
        .map_err(failed)?;
    if found.is_empty() {
        file.write_all(&header).map_err(failed)?;
    } else if found != header {
        return Err(Error::Usage(format!(
            "{}: is not a file of corrections (its columns are others): name another --corrections",
            path.display()
        )));
    }
    Ok(file)
}

/// Adds the row, or nothing.
fn append(path: &Path, row: &[u8]) -> Result<()> {
    let mut file = open(path)?;
    let failed = |e| Error::io(path, "cannot be written", e);
    let before = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let written = file.write_all(row).and_then(|()| file.sync_data());
    if written.is_err() {
        // Half a row would spoil the next one.
        let _ = file.set_len(before);
    }
    written.map_err(failed)
}

/// The form: pairs, as `flags` comes once for each.
struct Given<'f>(&'f [(String, String)]);

impl<'f> Given<'f> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'f str> {
        let of_name = self.0.iter().filter(move |p| p.0 == name);
        of_name.map(|p| p.1.trim())
    }

    fn one(&self, name: &str) -> &'f str {
        self.0
            .iter()
            .find(|p| p.0 == name)
            .map_or("", |p| p.1.trim())
    }
}

fn wrong(what: &'static str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "correction.invalid",
        "更正不能记下",
    )
    .detail(what)
}

/// The row of a form; every label must be one of the tables'.
fn row_of(
    triage: &Triage,
    given: &Given<'_>,
    by: &str,
    max_chars: usize,
) -> std::result::Result<Vec<u8>, Problem> {
    let taxonomy = &triage.tables.taxonomy;
    let text = given.one("text");
    if text.is_empty() || text.chars().count() > max_chars {
        return Err(wrong("没有正文，或正文过长"));
    }
    let note = given.one("note");
    if note.chars().count() > NOTE_CHARS {
        return Err(wrong("说明不超过 500 字"));
    }
    let mut labels = Vec::new();
    for name in [head::TYPE, head::REASON, head::URGENCY] {
        let code = given.one(name);
        if taxonomy.index(name, code).is_none() {
            return Err(wrong("类型、原因、等级须在表中"));
        }
        labels.push(code);
    }
    let flags: Vec<&str> = given.all(head::FLAGS).filter(|f| !f.is_empty()).collect();
    if flags
        .iter()
        .any(|f| taxonomy.index(head::FLAGS, f).is_none())
    {
        return Err(wrong("标志须在表中"));
    }
    let channel = given.one("channel");
    if !channel.is_empty() && !taxonomy.channels.iter().any(|c| c.code == channel) {
        return Err(wrong("渠道须在表中"));
    }
    // Codes and hex digits of ours; from a form they may be anything.
    let plain = |name: &str| -> String {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || " ._+-".contains(*c);
        given.one(name).chars().filter(is_plain).take(80).collect()
    };
    let front = triage.front();
    let clean = front.clean(text);
    let mut row = Row::new();
    row.put(&sha256(clean.text().as_bytes())[..16]);
    row.put(clean.text());
    row.put(channel);
    labels.iter().for_each(|l| row.put(l));
    row.put(&flags.join(" "));
    row.put(&plain("was"));
    row.put(front.clean(note).text());
    row.put(by);
    row.put(&plain("bundle"));
    row.put(&format!("{:.0}", jiff::Timestamp::now()));
    Ok(row.finish())
}

/// `POST /correct`: the row, and the page that says so.
pub(super) async fn correct(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let noted = async {
        let Some(path) = shared.options.corrections.clone() else {
            let what = "没有开启更正";
            return Err(Problem::new(StatusCode::NOT_FOUND, "corrections.off", what)
                .detail("启动服务时加 --corrections 文件.csv"));
        };
        let row = in_pool(&shared, move |shared, triage| {
            let by = caller.key.as_deref().unwrap_or_default();
            row_of(triage, &Given(&form), by, shared.options.max_text_chars)
        })
        .await?;
        // Not in the pool: who waits for the file's lock must not keep others from their decisions.
        let written = tokio::task::spawn_blocking(move || append(&path, &row)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => {
                eprintln!("a correction is lost: {e}");
                let what = "更正没有写入，请告诉管理员";
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Err(Problem::new(status, "corrections.failed", what))
            }
            Err(_) => Err(Problem::internal()),
        }
    };
    let noted = noted.await;
    page::after_correction(&shared, noted)
}
