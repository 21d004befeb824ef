//! What a person should look at: why an event did not count, what came late, which day was assumed.
//! Law: a warning names the event's kind and day and the article, never anything of the complaint's text.

use std::fmt;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

/// The reason of a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Received before the order came into force; former rules may govern.
    BeforeOrder,
    /// An event of this kind is dated before the receipt; it does not count.
    BeforeReceipt(&'static str),
    /// An event of this kind is dated after the end of the procedure; it does not count.
    AfterEnd(&'static str),
    /// A special extension without approval; it does not count.
    ExtensionUnapproved,
    /// A special extension that the complainant was not told of; it does not count.
    ExtensionUnnotified,
    /// An extension after the period had run out; it does not count.
    ExtensionLate,
    /// An extension that adds nothing to the one in force.
    ExtensionRepeated,
    /// An appraisal that the complainant was not told of; its time is not excluded.
    AppraisalUnnotified,
    /// The pause ends before it begins; it does not count.
    PauseReversed,
    /// The pause began on or after the last day; it does not count.
    PauseLate,
    /// New facts after the period had run out; it does not restart.
    NewFactsLate,
    /// The decision arrived after the last day; sending it in time would do, and needs proof.
    DecisionLate,
    /// The submitter is to be told that the complaint is not handled.
    TellSubmitter,
    /// 核查 was requested after its last day.
    RecheckLate,
    /// 核查 was requested though no decision was received before.
    RecheckWithoutDecision,
    /// The decision on the 核查 arrived after the last day.
    RecheckDecisionLate,
    /// The day that this parallel clock counts from is not known; the receipt stands in, which may be too late.
    AssumedStart(&'static str),
    /// No parallel clock of this name is in the table.
    UnknownParallel(Box<str>),
    /// This internal target ends after the statutory date.
    TargetPastLaw(&'static str),
}

/// Something for a person to look at; `Display` is a Chinese sentence for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub why: Why,
    /// The event's day, where there is one.
    pub on: Option<Date>,
    /// The article as it may be printed.
    pub article: Option<&'static str>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(on) = self.on {
            write!(f, "{on}：")?;
        }
        match &self.why {
            Why::BeforeOrder => f.write_str("收到日早于办法施行日，时限可能适用旧规定")?,
            Why::BeforeReceipt(kind) => write!(f, "“{kind}”早于收到投诉日，未计")?,
            Why::AfterEnd(kind) => write!(
                f,
                "“{kind}”在处理程序终结之后，未计；如为新的投诉请另行登记"
            )?,
            Why::ExtensionUnapproved => {
                f.write_str("延长未经上级机构或总行（总公司）高级管理人员批准，未计")?;
            }
            Why::ExtensionUnnotified => f.write_str("延长未告知投诉人，未计")?,
            Why::ExtensionLate => f.write_str("延长时期限已届满，未计")?,
            Why::ExtensionRepeated => f.write_str("已有同等或更长的延长，未重复计算")?,
            Why::AppraisalUnnotified => {
                f.write_str("外部鉴定、检测、评估未告知投诉人，时间未扣除")?
            }
            Why::PauseReversed => f.write_str("暂停的终止日早于起始日，未扣除")?,
            Why::PauseLate => f.write_str("暂停始于到期日当日或之后，未扣除")?,
            Why::NewFactsLate => {
                f.write_str("新事实、理由在期限届满后提出，期限未重新计算；请核对是否另行登记")?
            }
            Why::DecisionLate => {
                f.write_str("处理决定在到期日之后送达，请核对期限内寄出或发送的凭证")?
            }
            Why::TellSubmitter => f.write_str("不予办理的，应当告知提交人")?,
            Why::RecheckLate => f.write_str("核查申请已超过申请期限")?,
            Why::RecheckWithoutDecision => f.write_str("核查申请之前没有收到处理决定的记录")?,
            Why::RecheckDecisionLate => {
                f.write_str("核查决定在到期日之后送达，请核对期限内寄出或发送的凭证")?
            }
            Why::AssumedStart(label) => {
                write!(
                    f,
                    "“{label}”起算日未知，暂按收到投诉日起算，实际到期日可能更早"
                )?;
            }
            Why::UnknownParallel(name) => write!(f, "时限表中没有并行时限 {name}")?,
            Why::TargetPastLaw(label) => {
                write!(f, "内部目标“{label}”晚于法定到期日，以法定到期日为准")?
            }
        }
        match self.article {
            Some(article) => write!(f, "（{article}）"),
            None => Ok(()),
        }
    }
}

/// As the Chinese sentence.
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
