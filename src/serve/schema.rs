//! The objects of the interface as types, for its document; `sink::json` writes the decision itself.
//! Law: every key that is written stands here, and every key here is written (`tests/it/serve/openapi.rs`).
#![allow(
    dead_code,
    reason = "described, never made: sink::json writes straight from a ticket"
)]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

/// Something to read, or a number, which counts as it is written.
fn text() -> impl Into<RefOr<Schema>> {
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .pattern(Some(r"[^\s\u0000-\u001f\u007f-\u009f]"))
        .examples(["信用卡被盗刷八千元，请马上止付"]);
    let number = ObjectBuilder::new().schema_type(Type::Number);
    OneOfBuilder::new()
        .item(words)
        .item(number)
        .description(Some("投诉内容；原文只在内存里，返回的都已脱敏"))
}

/// 一条投诉；其他成员原样放入 carried
#[derive(Serialize, ToSchema)]
pub(super) struct Complaint {
    /// 投诉内容；原文只在内存里，返回的都已脱敏
    #[schema(schema_with = text)]
    text: String,
    /// 编号，原样返回
    id: Option<Written>,
    /// 渠道：代码或中文名，见 /v1/taxonomy；不认识的不影响受理
    channel: Option<Written>,
    /// 收到时间：日期，可带时刻（其他写法也认）；没有它就没有时限
    #[schema(
        example = "2026-03-01 14:05",
        pattern = "^((199[0-9]|20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?)?$"
    )]
    received_at: Option<String>,
    /// 收到之后的事件，写法见 README“时限与事件”
    #[schema(
        example = "paused mediation 2025-01-28..2025-02-02 notified",
        pattern = "^((new_facts|withdrawn|same_complaint|decided) 20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]))?$"
    )]
    events: Option<String>,
}

/// 文本；数字按写出来的算
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Written {
    Words(String),
    Number(f64),
}

/// 一条投诉的决定
#[derive(Serialize, ToSchema)]
pub(super) struct Decision {
    id: String,
    /// 类型代码
    r#type: String,
    /// 原因代码
    reason: String,
    /// 等级代码，U1 最高
    urgency: String,
    band: Band,
    /// 承办队列代码
    queue: String,
    /// 处理单模板
    template: String,
    /// 脱敏后的正文
    masked_text: String,
    labels: Labels,
    evidence: Evidence,
    /// 没有收到时间时为 null
    #[schema(required = true)]
    due: Option<Due>,
    route: Route,
    facts: Facts,
    /// 作出决定的模型包
    bundle: String,
    /// 只在 --cascade 下：哪一级作出判断
    model: Option<Tier>,
    source: Place,
    /// 输入里的其他成员，原样
    #[schema(value_type = Option<Object>)]
    carried: Option<BTreeMap<String, Value>>,
}

/// 决定，附填好的处理单
#[derive(Serialize, ToSchema)]
pub(super) struct Explained {
    #[schema(inline)]
    #[serde(flatten)]
    decision: Decision,
    /// 填好的处理单（Markdown）
    #[schema(required = true)]
    sheet: Option<String>,
}

/// auto 可自动采用，suggest 从前三个里选，review 人工复核
#[derive(Serialize, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Band {
    Auto,
    Suggest,
    Review,
}

#[derive(Serialize, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Tier {
    Fast,
    Encoder,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Labels {
    r#type: Ranking,
    reason: Ranking,
    urgency: Ranking,
    flags: Vec<FlagLabel>,
}

/// 前三名，概率经过校准
#[derive(Serialize, ToSchema)]
pub(super) struct Ranking {
    band: Band,
    ranked: Vec<RankedLabel>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RankedLabel {
    code: String,
    name: String,
    #[schema(minimum = 0, maximum = 1)]
    prob: f64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct FlagLabel {
    code: String,
    name: String,
    #[schema(minimum = 0, maximum = 1)]
    prob: f64,
    by_rule: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Evidence {
    type_words: Vec<Word>,
    urgency_words: Vec<Word>,
    /// 只在编码器判断时：依据词是快速模型的
    words_by: Option<Tier>,
    /// 规则之前的等级
    urgency_by_model: String,
    /// 提高等级的规则，或 caution（从严）
    raised_by: Option<String>,
    rules: Vec<Rule>,
    /// 为什么转人工
    review_ground: Option<String>,
    /// 遮盖了几处，按种类
    masks: BTreeMap<String, u32>,
    agent_turns: u32,
    text_sha256: String,
}

/// start、end 是 masked_text 的字节位置；contribution 是对数几率的精确贡献
#[derive(Serialize, ToSchema)]
pub(super) struct Word {
    word: String,
    start: u32,
    end: u32,
    contribution: f64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Rule {
    id: String,
    name: String,
    raises: Option<String>,
    flag: Option<String>,
    words: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Due {
    /// state：open、withdrawn……，余下随状态而定
    #[schema(value_type = Object)]
    status: Value,
    counted_from: String,
    /// 当前时限
    #[schema(required = true)]
    in_force: Option<DueDate>,
    warn_at: Vec<WarnDate>,
    statutory: Vec<DueDate>,
    parallel: Vec<DueDate>,
    targets: Targets,
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DueDate {
    id: String,
    label: String,
    /// 暂停中为 null
    #[schema(required = true)]
    by: Option<String>,
    /// 条文；内部目标为 null
    #[schema(required = true)]
    article: Option<String>,
    mark: String,
    duty: String,
    provisional: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WarnDate {
    label: String,
    on: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Targets {
    acknowledge: DueDate,
    first_reply: DueDate,
    handle: DueDate,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Route {
    rule: String,
    why: String,
    queue_name: String,
    department: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Facts {
    amounts: Vec<String>,
    dates: Vec<String>,
    demands: Vec<String>,
    products: Vec<String>,
    #[schema(required = true)]
    channel: Option<String>,
    channel_unknown: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Place {
    file: String,
    row: u64,
    line: u64,
}

/// 批次里的一行：决定、拒收，或批次中断
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchLine {
    Decision(Box<Decision>),
    Rejected(RejectedLine),
    Ended(EndedLine),
}

#[derive(Serialize, ToSchema)]
pub(super) struct RejectedLine {
    rejected: Rejected,
}

/// 不能受理的记录；不含正文
#[derive(Serialize, ToSchema)]
pub(super) struct Rejected {
    file: String,
    row: u64,
    line: u64,
    byte: u64,
    n_bytes: u64,
    column: Option<String>,
    code: String,
    what: String,
    remedy: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EndedLine {
    problem: ProblemDocument,
}

/// RFC 9457；code 稳定，可据以编程
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemDocument {
    r#type: String,
    title: String,
    status: u16,
    code: String,
    detail: Option<String>,
}

/// 全部代码及其中文名
#[derive(Serialize, ToSchema)]
pub(super) struct Taxonomy {
    r#type: Vec<Name>,
    reason: Vec<Name>,
    urgency: Vec<Name>,
    flags: Vec<Name>,
    channels: Vec<Name>,
    queues: Vec<Name>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Name {
    code: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BundleInForce {
    bundle: String,
    data_sha256: String,
    version: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Swap {
    old: Version,
    new: Version,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    bundle: String,
    data_sha256: String,
}

/// 影子模型与在用模型的差别
#[derive(Serialize, ToSchema)]
pub(super) struct Shadow {
    bundle: String,
    challenger: String,
    decided: u64,
    same: u64,
    /// 忙时放弃的
    dropped: u64,
    differences: ShadowCounts,
    latest: Vec<ShadowDifference>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ShadowCounts {
    r#type: u64,
    reason: u64,
    urgency_up: u64,
    urgency_down: u64,
    queue: u64,
    band: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ShadowDifference {
    id: String,
    kinds: Vec<String>,
    ours: ShadowLabels,
    challenger: ShadowLabels,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ShadowLabels {
    r#type: String,
    reason: String,
    urgency: String,
    band: Band,
    queue: String,
    bundle: String,
}
