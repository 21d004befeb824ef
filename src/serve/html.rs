//! Pages from templates that are compiled once; every value is escaped.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

use super::problem::Problem;

/// The templates by name; the ending `.html` makes minijinja escape.
const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("base.html.j2")),
    ("page.html", include_str!("page.html.j2")),
    ("table.html", include_str!("table.html.j2")),
    ("sign_in.html", include_str!("sign_in.html.j2")),
    ("docs.html", include_str!("docs.html.j2")),
];

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

/// The template `name` filled with `view`.
pub(super) fn page<T: Serialize>(name: &str, view: &T) -> Response {
    let page = PAGES
        .as_ref()
        .ok()
        .and_then(|pages| pages.get_template(name).ok()?.render(Serde(view)).ok());
    match page {
        Some(page) => Html(page).into_response(),
        None => Problem::internal().into_response(),
    }
}
