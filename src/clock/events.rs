//! What happened to a complaint after its receipt, by day; in JSON here, as text in `parse`.
//! Does not judge whether an event counts; `course` does.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How far the answer's period is extended (延长).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionLevel {
    /// 情况复杂.
    Complex,
    /// 情况特别复杂或者有其他特殊原因.
    Special,
}

/// Who approved a special extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// 上级机构.
    SuperiorUnit,
    /// 总行、总公司高级管理人员.
    HqExecutive,
}

/// Why the clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// 外部鉴定、检测、评估.
    Appraisal,
    /// 调解.
    Mediation,
}

/// One dated event. In JSON `{"kind":"paused","why":"mediation","from":"2025-01-28","to":"2025-02-02","notified":true}`;
/// `Display` writes the form that `parse_events` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The institution extended the period and, if `notified`, told the complainant.
    Extended {
        level: ExtensionLevel,
        on: Date,
        #[serde(default)]
        approver: Option<Approver>,
        #[serde(default)]
        notified: bool,
    },
    /// The clock stood still; `to` absent: it still does.
    Paused {
        why: PauseReason,
        from: Date,
        #[serde(default)]
        to: Option<Date>,
        #[serde(default)]
        notified: bool,
    },
    /// New facts or reasons were received.
    NewFacts { on: Date },
    /// The same complaint came again.
    SameComplaint { on: Date },
    /// The complainant's withdrawal was received.
    Withdrawn { on: Date },
    /// It turned out that neither the person nor an authorised agent complains.
    NotByPersonOrAgent { on: Date },
    /// The complainant received the decision.
    Decided { on: Date },
    /// The superior unit received the request for 核查.
    RecheckFiled { on: Date },
    /// The complainant received the decision on the 核查.
    RecheckDecided { on: Date },
    /// The insurer received the claim (理赔申请); may lie before the complaint.
    ClaimFiled { on: Date },
    /// The insurer decided to refuse the claim.
    ClaimRefused { on: Date },
    /// Insurer and claimant agreed on the payment.
    ClaimAgreed { on: Date },
    /// The insurer received the notice that ends the policy.
    SurrenderRequested { on: Date },
    /// The regulator received the complaint that it forwards.
    RegulatorReceived { on: Date },
}

impl Event {
    /// The event's day; a pause's first.
    pub fn on(&self) -> Date {
        match *self {
            Event::Paused { from, .. } => from,
            Event::Extended { on, .. }
            | Event::NewFacts { on }
            | Event::SameComplaint { on }
            | Event::Withdrawn { on }
            | Event::NotByPersonOrAgent { on }
            | Event::Decided { on }
            | Event::RecheckFiled { on }
            | Event::RecheckDecided { on }
            | Event::ClaimFiled { on }
            | Event::ClaimRefused { on }
            | Event::ClaimAgreed { on }
            | Event::SurrenderRequested { on }
            | Event::RegulatorReceived { on } => on,
        }
    }

    /// The name in JSON and text.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Extended { .. } => "extended",
            Event::Paused { .. } => "paused",
            Event::NewFacts { .. } => "new_facts",
            Event::SameComplaint { .. } => "same_complaint",
            Event::Withdrawn { .. } => "withdrawn",
            Event::NotByPersonOrAgent { .. } => "not_by_person_or_agent",
            Event::Decided { .. } => "decided",
            Event::RecheckFiled { .. } => "recheck_filed",
            Event::RecheckDecided { .. } => "recheck_decided",
            Event::ClaimFiled { .. } => "claim_filed",
            Event::ClaimRefused { .. } => "claim_refused",
            Event::ClaimAgreed { .. } => "claim_agreed",
            Event::SurrenderRequested { .. } => "surrender_requested",
            Event::RegulatorReceived { .. } => "regulator_received",
        }
    }

    /// The name in the language of the users.
    pub fn label(&self) -> &'static str {
        match self {
            Event::Extended { .. } => "延长",
            Event::Paused { .. } => "暂停",
            Event::NewFacts { .. } => "新事实",
            Event::SameComplaint { .. } => "重复投诉",
            Event::Withdrawn { .. } => "撤回",
            Event::NotByPersonOrAgent { .. } => "非本人投诉",
            Event::Decided { .. } => "收到处理决定",
            Event::RecheckFiled { .. } => "申请核查",
            Event::RecheckDecided { .. } => "收到核查决定",
            Event::ClaimFiled { .. } => "理赔申请",
            Event::ClaimRefused { .. } => "拒赔决定",
            Event::ClaimAgreed { .. } => "达成赔付协议",
            Event::SurrenderRequested { .. } => "解除合同通知",
            Event::RegulatorReceived { .. } => "监管收到投诉",
        }
    }
}
