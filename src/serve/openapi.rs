//! The interface described: OpenAPI 3.1 for programs, `/docs` for people, both from the types of `schema`.
//! Law: what is described is served, and what is served under `/v1` is described (`tests/it/serve/openapi.rs`).

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi};

use super::html;
use super::schema::{
    BatchLine, BundleInForce, Complaint, Decision, Explained, ProblemDocument, Shadow, Swap,
    Taxonomy,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "消保 xiaobao",
        description = "消费投诉分办：投诉进，决定出；与批处理逐条相同。错误为 application/problem+json（RFC 9457）。"
    ),
    paths(
        triage, batch, explain, taxonomy, bundle, document, reload, rollback, shadow, health, ready, metrics
    ),
    tags(
        (name = "分办", description = "投诉进，决定出"),
        (name = "查阅", description = "代码表、版本、本文档"),
        (name = "管理", description = "需要 admin 权限，并以 --keys 启动"),
        (name = "运行", description = "存活、就绪、指标"),
    ),
    modifiers(&Key),
)]
struct Document;

/// The scheme of `xiaobao keys`.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "xiaobao keys add 产生的密钥；没有以 --keys 启动时不需要",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "described, never made")]
struct Idempotency {
    /// 同一个值、同样的内容重发，得到第一次的回答
    #[param(
        rename = "Idempotency-Key",
        max_length = 255,
        pattern = "^[!-~]{1,255}$"
    )]
    key: Option<String>,
}

#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "described, never made")]
enum Refused {
    /// 密钥缺失或不对
    #[response(status = 401, content_type = "application/problem+json")]
    Unknown(ProblemDocument),
    /// 密钥没有所需的权限
    #[response(status = 403, content_type = "application/problem+json")]
    Scope(ProblemDocument),
}

#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "described, never made")]
enum NotDecided {
    /// 不是 JSON
    #[response(status = 400, content_type = "application/problem+json")]
    Unreadable(ProblemDocument),
    /// 密钥缺失或不对
    #[response(status = 401, content_type = "application/problem+json")]
    Unknown(ProblemDocument),
    /// 密钥没有所需的权限
    #[response(status = 403, content_type = "application/problem+json")]
    Scope(ProblemDocument),
    /// 超过时限
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(ProblemDocument),
    /// 请求体或正文过长
    #[response(status = 413, content_type = "application/problem+json")]
    Long(ProblemDocument),
    /// 这条记录不能受理，或 Idempotency-Key 用过了
    #[response(status = 422, content_type = "application/problem+json")]
    Rejected(ProblemDocument),
    /// 正忙，见 Retry-After
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(ProblemDocument),
}

/// 分办一条
#[utoipa::path(post, path = "/v1/triage", tag = "分办", params(Idempotency), request_body = Complaint,
    responses((status = 200, description = "决定", body = Decision), NotDecided), security(("key" = ["triage"])))]
#[allow(dead_code, reason = "described here, served by decide::one")]
fn triage() {}

/// 分办一批：JSON Lines 进出，流式，一行进一行出，顺序不变
#[utoipa::path(post, path = "/v1/triage:batch", tag = "分办",
    request_body(content = Option<Value>, content_type = "application/x-ndjson", description = "每行一条投诉"),
    responses((status = 200, description = "每行一个决定或拒收；中断时最后一行为 problem", body = BatchLine, content_type = "application/x-ndjson"),
        (status = 503, description = "正忙，见 Retry-After", body = ProblemDocument, content_type = "application/problem+json"), Refused),
    security(("key" = ["triage"])))]
#[allow(dead_code, reason = "described here, served by batch::batch")]
fn batch() {}

/// 分办一条，附填好的处理单
#[utoipa::path(post, path = "/v1/explain", tag = "分办", request_body = Complaint,
    responses((status = 200, description = "决定与处理单", body = Explained), NotDecided), security(("key" = ["explain"])))]
#[allow(dead_code, reason = "described here, served by decide::explain")]
fn explain() {}

/// 全部代码与中文名
#[utoipa::path(get, path = "/v1/taxonomy", tag = "查阅",
    responses((status = 200, description = "代码表", body = Taxonomy), Refused), security(("key" = [])))]
#[allow(dead_code, reason = "described here, served by taxonomy")]
fn taxonomy() {}

/// 在用的模型包与配置表
#[utoipa::path(get, path = "/v1/bundle", tag = "查阅",
    responses((status = 200, description = "版本", body = BundleInForce), Refused), security(("key" = [])))]
#[allow(dead_code, reason = "described here, served by bundle")]
fn bundle() {}

/// 本文档
#[utoipa::path(get, path = "/v1/openapi.json", tag = "查阅",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
#[allow(dead_code, reason = "described here, served by json")]
fn document() {}

/// 重新装入配置表与模型包，查过再换
#[utoipa::path(post, path = "/v1/admin/reload", tag = "管理",
    responses((status = 200, description = "换下与换上的版本", body = Swap),
        (status = 409, description = "另一次更换正在进行", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "新的不能装入，旧的仍在用", body = ProblemDocument, content_type = "application/problem+json"), Refused),
    security(("key" = ["admin"])))]
#[allow(dead_code, reason = "described here, served by reload::reload")]
fn reload() {}

/// 退回上一个版本
#[utoipa::path(post, path = "/v1/admin/rollback", tag = "管理",
    responses((status = 200, description = "换下与换上的版本", body = Swap),
        (status = 409, description = "没有上一个，或另一次更换正在进行", body = ProblemDocument, content_type = "application/problem+json"), Refused),
    security(("key" = ["admin"])))]
#[allow(dead_code, reason = "described here, served by reload::rollback")]
fn rollback() {}

/// 影子模型的差别：计数与最近的若干条，只有编号与代码
#[utoipa::path(get, path = "/v1/admin/shadow", tag = "管理",
    responses((status = 200, description = "差别", body = Shadow),
        (status = 404, description = "没有影子模型", body = ProblemDocument, content_type = "application/problem+json"), Refused),
    security(("key" = ["admin"])))]
#[allow(dead_code, reason = "described here, served by shadow::show")]
fn shadow() {}

/// 进程活着
#[utoipa::path(get, path = "/healthz", tag = "运行",
    responses((status = 200, description = "ok", body = String, content_type = "text/plain")))]
#[allow(dead_code, reason = "described here, served by the router")]
fn health() {}

/// 可以接请求
#[utoipa::path(get, path = "/readyz", tag = "运行",
    responses((status = 200, description = "ready", body = String, content_type = "text/plain"),
        (status = 503, description = "正在停机", body = ProblemDocument, content_type = "application/problem+json")))]
#[allow(dead_code, reason = "described here, served by ready")]
fn ready() {}

/// Prometheus 指标
#[utoipa::path(get, path = "/metrics", tag = "运行",
    responses((status = 200, description = "指标", body = String, content_type = "text/plain"), Refused), security(("key" = [])))]
#[allow(dead_code, reason = "described here, served by metrics::show")]
fn metrics() {}

/// As text and as values; made once.
static TEXT: LazyLock<(String, Value)> = LazyLock::new(|| {
    let value = serde_json::to_value(Document::openapi()).unwrap_or_default();
    (value.to_string(), value)
});

/// `GET /v1/openapi.json`
pub(super) async fn json() -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], TEXT.0.as_str()).into_response()
}

/// One operation as the page shows it.
#[derive(Serialize)]
struct Operation<'d> {
    method: String,
    path: &'d str,
    summary: &'d str,
    tag: &'d str,
    scope: Option<String>,
    body: Option<String>,
    answers: Vec<Answer<'d>>,
}

#[derive(Serialize)]
struct Answer<'d> {
    status: &'d str,
    description: &'d str,
    body: Option<String>,
}

#[derive(Serialize)]
struct Type<'d> {
    name: &'d str,
    description: &'d str,
    members: Vec<Member<'d>>,
}

#[derive(Serialize)]
struct Member<'d> {
    name: &'d str,
    kind: String,
    required: bool,
    description: &'d str,
}

#[derive(Serialize)]
struct View<'d> {
    version: &'static str,
    signed_in: bool,
    operations: Vec<Operation<'d>>,
    types: Vec<Type<'d>>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What stands in a place: the name of a type, or what JSON calls it.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for of in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[of].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(" | ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(text).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" | "),
        Value::String(kind_) if kind_ == "array" => format!("[{}]", kind(&schema["items"])),
        other => text(other).to_owned(),
    }
}

/// The type of a body, from its only form.
fn content(place: &Value) -> Option<String> {
    let (form, body) = place["content"].as_object()?.iter().next()?;
    let kind = kind(&body["schema"]);
    match form.as_str() {
        "application/json" | "application/problem+json" => Some(kind),
        other => Some(format!("{kind}（{other}）")),
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| {
            let answers = operation["responses"].as_object().into_iter().flatten();
            let needs = operation["security"][0]["key"].as_array();
            Operation {
                method: method.to_uppercase(),
                path,
                summary: text(&operation["summary"]),
                tag: text(&operation["tags"][0]),
                scope: needs.map(|s| s.first().map_or("任一密钥", text).to_owned()),
                body: content(&operation["requestBody"]),
                answers: answers
                    .map(|(status, answer)| Answer {
                        status,
                        description: text(&answer["description"]),
                        body: content(answer),
                    })
                    .collect(),
            }
        })
    });
    let mut all: Vec<Operation<'_>> = all.collect();
    // As the document lists its tags: what is used most stands first.
    let tags = document["tags"].as_array();
    all.sort_by_key(|o| tags.and_then(|t| t.iter().position(|t| t["name"] == o.tag)));
    all
}

fn types(document: &Value) -> Vec<Type<'_>> {
    let schemas = document["components"]["schemas"].as_object();
    let all = schemas.into_iter().flatten().map(|(name, schema)| {
        let required = schema["required"].as_array();
        let members = schema["properties"].as_object().into_iter().flatten();
        Type {
            name,
            description: text(&schema["description"]),
            members: members
                .map(|(member, schema)| Member {
                    name: member,
                    kind: kind(schema),
                    required: required.is_some_and(|r| r.iter().any(|n| n == member.as_str())),
                    description: text(&schema["description"]),
                })
                .collect(),
        }
    });
    all.filter(|t| !t.members.is_empty()).collect()
}

/// `GET /docs`
pub(super) async fn page() -> Response {
    let document = &TEXT.1;
    html::page(
        "docs.html",
        &View {
            version: env!("CARGO_PKG_VERSION"),
            signed_in: false,
            operations: operations(document),
            types: types(document),
        },
    )
}
