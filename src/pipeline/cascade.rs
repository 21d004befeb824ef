//! The slow tier behind the fast model: complaints that the fast model leaves below `auto` go to a fine-tuned encoder.
//! Laws: the encoder's logits replace the fast model's before `decide`, so rules and flags still only raise;
//! a complaint's decision does not depend on those beside it, nor on the number of threads.

use std::sync::Arc;

use super::{Triage, Workspace};
use crate::bundle::EncoderBundle;
use crate::clean::CleanText;
use crate::complaint::{Complaint, Rejected};
use crate::cues::Findings;
use crate::decide::{Band, Decider, Decision, ReviewGround};
use crate::error::{Error, Result};
use crate::sink::Names;
use crate::source::Record;
use crate::tables::Tables;
use crate::ticket::Ticket;

/// What an encoder says about one text.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// All heads side by side.
    pub logits: Vec<f32>,
    /// Share of the text's tokens that the encoder knows, 0..=1.
    pub known_share: f32,
}

/// The encoder's opinions on texts, in their order; computed in batches.
pub fn opinions(bundle: &EncoderBundle, texts: &[&CleanText]) -> Result<Vec<Opinion>> {
    use rayon::prelude::*;
    let failed = |e: String| Error::Failed(format!("encoder bundle {}: {e}", bundle.id()));
    let windows = texts
        .par_iter()
        .map(|text| bundle.encoder().windows(text))
        .collect::<Result<Vec<_>, String>>()
        .map_err(failed)?;
    let logits = bundle
        .encoder()
        .logits(&windows)
        .map_err(|e| failed(e.to_string()))?;
    Ok(logits
        .into_iter()
        .zip(windows)
        .map(|(logits, windows)| Opinion {
            logits,
            known_share: windows.known_share,
        })
        .collect())
}

/// An encoder bundle checked against the tables.
pub struct Cascade {
    pub bundle: Arc<EncoderBundle>,
    decider: Decider,
}

impl Cascade {
    /// The bundle's labels must be the tables' labels.
    pub fn new(bundle: Arc<EncoderBundle>, tables: &Tables) -> Result<Cascade> {
        let heads = &bundle.manifest().encoder.heads;
        let decider = Decider::new(heads, bundle.calibration(), &tables.taxonomy, &tables.cues)?;
        Ok(Cascade { bundle, decider })
    }

    /// Decides by the encoder; a text that the fast model does not know stays with a person.
    pub fn decide(
        &self,
        opinion: &Opinion,
        findings: &Findings,
        fast: Option<&Decision>,
    ) -> Decision {
        let mut decision = self.decider.apply(
            &opinion.logits,
            opinion.known_share,
            self.bundle.calibration(),
            findings,
        );
        if fast.is_some_and(|d| d.review_ground == Some(ReviewGround::UnknownText)) {
            decision.abstain_unknown();
        }
        decision
    }
}

impl Triage {
    /// Sends complaints below `auto` on to the encoder of `bundle`.
    pub fn with_cascade(mut self, bundle: Arc<EncoderBundle>) -> Result<Triage> {
        self.cascade = Some(Cascade::new(bundle, &self.tables)?);
        Ok(self)
    }

    pub fn cascade(&self) -> Option<&Cascade> {
        self.cascade.as_ref()
    }

    /// Id of the bundle, and of the encoder behind it.
    pub fn bundle_ids(&self) -> String {
        match &self.cascade {
            Some(cascade) => format!("{}+{}", self.bundle.id(), cascade.bundle.id()),
            None => self.bundle.id().to_owned(),
        }
    }

    /// What the writers need beside a ticket.
    pub fn names(&self) -> Names<'_> {
        Names {
            tables: &self.tables,
            bundle_id: self.bundle.id(),
            encoder_id: self.cascade.as_ref().map(|c| c.bundle.id()),
        }
    }

    /// Decides records in order, with the cascade if there is one; `take` gets each ticket, or the reject as it came.
    pub fn each<'r>(
        &self,
        records: &'r [Record],
        work: &mut Workspace,
        mut take: impl FnMut(std::result::Result<Ticket<'r>, &'r Rejected>) -> Result<()>,
    ) -> Result<()> {
        let complaints = records.iter().map(|r| r.as_ref().ok());
        let mut together = self.together(complaints, work)?.into_iter();
        for record in records {
            let judged = together.next().flatten();
            match (record, judged) {
                (Err(rejected), _) => take(Err(rejected))?,
                (Ok(_), Some(ticket)) => take(Ok(ticket))?,
                (Ok(complaint), None) => take(Ok(self.decide(complaint, work)?))?,
            }
        }
        Ok(())
    }

    /// As `each`, for one complaint.
    pub fn one<'c>(&self, complaint: &'c Complaint, work: &mut Workspace) -> Result<Ticket<'c>> {
        let mut together = self.together([Some(complaint)].into_iter(), work)?;
        match together.pop().flatten() {
            Some(ticket) => Ok(ticket),
            None => self.decide(complaint, work),
        }
    }

    /// The tickets of complaints that a cascade has to see together, in order; empty without a cascade.
    fn together<'c>(
        &self,
        complaints: impl Iterator<Item = Option<&'c Complaint>>,
        work: &mut Workspace,
    ) -> Result<Vec<Option<Ticket<'c>>>> {
        let Some(cascade) = &self.cascade else {
            return Ok(Vec::new());
        };
        let mut tickets = Vec::new();
        for complaint in complaints {
            tickets.push(complaint.map(|c| self.decide(c, work)).transpose()?);
        }
        let unsure = |t: &&mut Ticket<'_>| t.decision.band != Band::Auto;
        let mut sent: Vec<&mut Ticket<'c>> = tickets.iter_mut().flatten().filter(unsure).collect();
        let texts: Vec<&CleanText> = sent.iter().map(|t| &t.clean).collect();
        let opinions = opinions(&cascade.bundle, &texts)?;
        for (ticket, opinion) in sent.iter_mut().zip(&opinions) {
            // The second pass finds the words again for the labels that the encoder gave.
            **ticket = self.decide_by(ticket.complaint, Some(opinion), work)?;
        }
        Ok(tickets)
    }
}
