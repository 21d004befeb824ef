//! The page for a person: paste a complaint, see the decision and why.
//! Law: works without scripts; only masked text is shown.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decide::{complaint_of, explained, in_pool};
use super::problem::Problem;
use super::{Shared, html};
use crate::pipeline::Triage;
use crate::taxonomy::head;

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

/// A label that a ranking or a form offers.
#[derive(Serialize)]
struct Choice {
    code: String,
    name: String,
    /// Ticked in a form.
    on: bool,
}

/// The labels of a head in the correction form.
#[derive(Serialize)]
struct Select {
    name: &'static str,
    title: &'static str,
    chosen: String,
    options: Vec<Choice>,
}

/// The three most probable labels of a head.
#[derive(Serialize)]
struct Head {
    name: &'static str,
    ranked: Vec<Rank>,
}

#[derive(Serialize)]
struct Rank {
    code: String,
    name: String,
    prob: f64,
    percent: String,
}

/// A point of the time line.
#[derive(Serialize)]
struct Point {
    by: String,
    label: String,
    article: String,
    /// `law`, `ours`, `now` or `start`: how it looks.
    class: String,
    now: bool,
    provisional: bool,
}

#[derive(Serialize, Default)]
struct View {
    form: Input,
    max_chars: usize,
    channels: Vec<Channel>,
    problem: Option<String>,
    noted: Option<&'static str>,
    /// Somebody is signed in, and may sign out.
    signed_in: bool,
    /// `--corrections` is given.
    corrections: bool,
    d: Option<Value>,
    spans: Vec<Span>,
    level: String,
    band: &'static str,
    queue: String,
    dates: Vec<Point>,
    heads: Vec<Head>,
    selects: Vec<Select>,
    flags: Vec<Choice>,
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
        signed_in: shared.keys.is_some(),
        corrections: shared.options.corrections.is_some(),
        ..View::default()
    }
}

fn render(view: &View) -> Response {
    html::page("page.html", view)
}

/// The empty page with what became of a correction.
pub(super) fn after_correction(
    shared: &Shared,
    noted: std::result::Result<(), Problem>,
) -> Response {
    let triage = shared.triage.load();
    let mut view = view(shared, &triage, Input::default());
    match noted {
        Ok(()) => {
            view.noted = Some("更正已记下，谢谢。");
            render(&view)
        }
        Err(problem) => refused(view, &problem),
    }
}

fn refused(mut view: View, problem: &Problem) -> Response {
    view.problem = Some(problem.full());
    let mut response = render(&view);
    problem.mark(&mut response);
    response
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
        let complaint = complaint_of(triage, value, form.text.len(), shared)?;
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
            refused(view(&shared, &triage, again), &problem)
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
    view.band = band_name(d["band"].as_str().unwrap_or_default());
    view.spans = spans(&d);
    view.dates = time_line(&d["due"]);
    for (key, title) in HEADS {
        view.heads.push(Head {
            name: title,
            ranked: ranked(&d["labels"][key]["ranked"]),
        });
        let labels = taxonomy.codes(key).into_iter();
        view.selects.push(Select {
            name: key,
            title,
            chosen: text(key),
            options: labels
                .map(|code| Choice {
                    code: code.to_owned(),
                    name: taxonomy.name(key, code).to_owned(),
                    on: false,
                })
                .collect(),
        });
    }
    let set = d["labels"]["flags"].as_array();
    view.flags = taxonomy
        .flags
        .iter()
        .map(|f| Choice {
            code: f.code.clone(),
            name: f.name.clone(),
            on: set.is_some_and(|set| set.iter().any(|s| s["code"] == f.code.as_str())),
        })
        .collect();
    view.d = Some(d);
}

/// The heads with one label each, as the page calls them.
const HEADS: [(&str, &str); 3] = [
    (head::TYPE, "类型"),
    (head::REASON, "原因"),
    (head::URGENCY, "等级"),
];

/// Chinese name of a band's code.
pub(super) fn band_name(code: &str) -> &'static str {
    match code {
        "auto" => "可自动",
        "suggest" => "从前三个里选",
        _ => "人工复核",
    }
}

fn ranked(list: &Value) -> Vec<Rank> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let ranks = list.as_array().into_iter().flatten().map(|r| {
        let prob = r["prob"].as_f64().unwrap_or(0.0);
        Rank {
            code: text(&r["code"]),
            name: text(&r["name"]),
            prob,
            percent: format!("{:.1}%", prob * 100.0),
        }
    });
    ranks.collect()
}

/// All dates in their order, from the day that the period counts from.
fn time_line(due: &Value) -> Vec<Point> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let now = &due["in_force"]["id"];
    let listed = ["statutory", "parallel"].map(|list| due[list].as_array());
    let targets = due["targets"].as_object().into_iter();
    let dates = listed
        .into_iter()
        .flatten()
        .flatten()
        .chain(targets.flat_map(|t| t.values()));
    let points = dates.filter(|t| t["by"].is_string()).map(|t| {
        let is_now = t["id"].is_string() && t["id"] == *now;
        let class = match (is_now, t["article"].is_string()) {
            (true, _) => "law now",
            (false, true) => "law",
            (false, false) => "ours",
        };
        let by = text(&t["by"]);
        Point {
            // Seconds say nothing here.
            by: by.strip_suffix(":00").unwrap_or(&by).to_owned(),
            label: text(&t["label"]),
            article: t["article"].as_str().unwrap_or("内部目标").to_owned(),
            class: class.to_owned(),
            now: is_now,
            provisional: t["provisional"] == true,
        }
    });
    let mut points: Vec<Point> = points.collect();
    points.sort_by(|a, b| a.by.cmp(&b.by));
    if let (Some(from), false) = (due["counted_from"].as_str(), points.is_empty()) {
        points.insert(
            0,
            Point {
                by: from.to_owned(),
                label: "收到，自次日起算".to_owned(),
                article: String::new(),
                class: "start".to_owned(),
                now: false,
                provisional: false,
            },
        );
    }
    points
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
