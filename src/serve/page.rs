//! The page for a person: paste a complaint, see the decision and why.
//! Law: works without scripts; only masked text is shown.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::Environment;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shared;
use super::decide::{complaint_of, explained, in_pool};
use super::problem::Problem;
use crate::pipeline::Triage;

const PAGE: &str = include_str!("page.html.j2");

pub(super) async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("page.css")).into_response()
}

pub(super) async fn script() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("page.js")).into_response()
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Input {
    #[serde(default)]
    text: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    received_at: String,
}

#[derive(Serialize)]
struct Channel {
    code: String,
    name: String,
}

/// A piece of the masked text.
#[derive(Serialize)]
struct Span {
    text: String,
    class: &'static str,
    note: String,
}

#[derive(Serialize)]
struct View {
    form: Input,
    max_chars: usize,
    channels: Vec<Channel>,
    problem: Option<String>,
    /// Somebody is signed in, and may sign out.
    signed_in: bool,
    d: Option<Value>,
    spans: Vec<Span>,
    level: String,
    band: &'static str,
    queue: String,
    dates: Vec<Value>,
}

fn view(shared: &Shared, triage: &Triage, form: Input) -> View {
    let channels = triage.tables.taxonomy.channels.iter();
    View {
        form,
        max_chars: shared.options.max_text_chars,
        channels: channels
            .map(|c| Channel {
                code: c.code.clone(),
                name: c.name.clone(),
            })
            .collect(),
        problem: None,
        signed_in: shared.keys.is_some(),
        d: None,
        spans: Vec::new(),
        level: String::new(),
        band: "",
        queue: String::new(),
        dates: Vec::new(),
    }
}

fn render(view: &View) -> Response {
    let mut environment = Environment::new();
    let page = environment
        .add_template("page.html", PAGE)
        .and_then(|()| environment.get_template("page.html"))
        .and_then(|page| page.render(Serde(view)));
    match page {
        Ok(page) => Html(page).into_response(),
        Err(_) => {
            let what = "页面不能显示";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", what).into_response()
        }
    }
}

/// `GET /`
pub(super) async fn empty(State(shared): State<Arc<Shared>>) -> Response {
    let triage = shared.triage.load();
    render(&view(&shared, &triage, Input::default()))
}

/// `POST /`: the same page with the decision.
pub(super) async fn decided(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<Input>,
) -> Response {
    let again = without_text(form.clone());
    let answer = in_pool(&shared, move |shared, triage| {
        let mut value = serde_json::json!({ "text": form.text });
        for (name, given) in [
            ("channel", &form.channel),
            ("received_at", &form.received_at),
        ] {
            if !given.trim().is_empty() {
                value[name] = given.as_str().into();
            }
        }
        let complaint = complaint_of(triage, &value, shared)?;
        let decision = explained(triage, shared, &complaint)?;
        let mut view = view(shared, triage, without_text(form));
        show(&mut view, triage, decision);
        Ok(view)
    })
    .await;
    match answer {
        Ok(view) => render(&view),
        Err(problem) => {
            let triage = shared.triage.load();
            let mut view = view(&shared, &triage, again);
            view.problem = Some(problem.full());
            let mut response = render(&view);
            problem.mark(&mut response);
            response
        }
    }
}

/// What a person wrote is not sent back: it is not masked.
fn without_text(mut form: Input) -> Input {
    form.text.clear();
    form
}

fn show(view: &mut View, triage: &Triage, d: Value) {
    let taxonomy = &triage.tables.taxonomy;
    let text = |key: &str| d[key].as_str().unwrap_or_default().to_owned();
    let (level, queue) = (text("urgency"), text("queue"));
    view.level = taxonomy
        .levels
        .iter()
        .find(|l| l.label.code == level)
        .map_or(level.clone(), |l| l.label.name.clone());
    view.queue = taxonomy
        .queues
        .iter()
        .find(|q| q.code == queue)
        .map_or(queue.clone(), |q| q.name.clone());
    view.band = match d["band"].as_str() {
        Some("auto") => "自动",
        Some("suggest") => "从前三个里选",
        _ => "人工复核",
    };
    view.spans = spans(&d);
    let due = &d["due"];
    let mut dates: Vec<Value> = Vec::new();
    for list in ["statutory", "parallel"] {
        dates.extend(due[list].as_array().cloned().unwrap_or_default());
    }
    if let Some(targets) = due["targets"].as_object() {
        dates.extend(targets.values().filter(|t| t["by"].is_string()).cloned());
    }
    dates.retain(|t| t["by"].is_string());
    dates.sort_by(|a, b| a["by"].as_str().cmp(&b["by"].as_str()));
    view.dates = dates;
    view.d = Some(d);
}

/// The masked text cut at its deciding words and masks.
fn spans(d: &Value) -> Vec<Span> {
    let text = d["masked_text"].as_str().unwrap_or_default();
    // What each byte belongs to: 1 type, 2 level, 4 mask.
    let mut kinds = vec![0u8; text.len()];
    let mut notes: Vec<(usize, String)> = Vec::new();
    for (list, bit, name) in [("type_words", 1, "类型"), ("urgency_words", 2, "等级")] {
        for word in d["evidence"][list].as_array().into_iter().flatten() {
            let place = |key: &str| word[key].as_u64().unwrap_or(0) as usize;
            let (start, end) = (place("start").min(text.len()), place("end").min(text.len()));
            kinds[start..end.max(start)]
                .iter_mut()
                .for_each(|k| *k |= bit);
            let value = word["contribution"].as_f64().unwrap_or(0.0);
            notes.push((start, format!("{name} {value:+.2}")));
        }
    }
    for (start, _) in text.match_indices('〔') {
        let end = text[start..]
            .find('〕')
            .map_or(start, |n| start + n + '〕'.len_utf8());
        kinds[start..end].iter_mut().for_each(|k| *k |= 4);
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut last = None;
    for (at, c) in text.char_indices() {
        let kind = kinds[at];
        if last != Some(kind) {
            let own = notes
                .iter()
                .filter(|(start, _)| *start == at)
                .map(|n| n.1.as_str());
            spans.push(Span {
                text: String::new(),
                class: match kind {
                    0 => "",
                    1 => "type",
                    2 => "level",
                    3 => "both",
                    _ => "mask",
                },
                note: own.collect::<Vec<_>>().join("，"),
            });
            last = Some(kind);
        }
        if let Some(span) = spans.last_mut() {
            span.text.push(c);
        }
    }
    spans
}
