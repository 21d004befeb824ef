//! What the pages of `evaluate`, `drift` and the morning's report share: how they look, how a template becomes bytes.
//! Law: everything is escaped by its name's ending; no scripts, nothing fetched; the same figures give the same bytes.

use minijinja::{Environment, Error as Broken};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::tables::Tables;
use crate::taxonomy::head;

const CSS: &str = include_str!("page.css");

/// The template `source`, which may include `page.css`, filled with `page`; `name` ends in `.html`.
pub(super) fn render(name: &str, source: &str, page: &impl Serialize) -> Result<Vec<u8>> {
    let mut environment = Environment::new();
    let broken = |e: Broken| Error::Failed(format!("{name} cannot be written: {e}"));
    environment
        .add_template("page.css", CSS)
        .and_then(|()| environment.add_template(name, source))
        .map_err(broken)?;
    environment
        .get_template(name)
        .and_then(|template| template.render(minijinja::value::Serde(page)))
        .map(String::into_bytes)
        .map_err(broken)
}

/// A figure that leads the page.
#[derive(Serialize)]
pub(super) struct Card {
    pub name: String,
    pub value: String,
    /// `hot`, `warm`, or nothing.
    pub tone: &'static str,
}

/// `93.4%`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `BK02 债务催收`; the label alone where the taxonomy has no name for it.
pub(super) fn shown(tables: &Tables, head: &str, label: &str) -> String {
    let name = tables.taxonomy.name(head, label);
    if name == label {
        label.to_owned()
    } else {
        format!("{label} {name}")
    }
}

/// What a head is called by those who read pages.
pub(super) fn title(name: &str) -> &str {
    match name {
        head::TYPE => "类型",
        head::REASON => "原因",
        head::URGENCY => "紧急等级",
        head::FLAGS => "标志",
        other => other,
    }
}
