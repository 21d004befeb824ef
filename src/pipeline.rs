//! The only place that chains the rooms: a complaint in, a `Ticket` out; batches by rayon, order kept.
//! Law: same input and bundle give the same tickets, with 1 thread or 16.

mod cascade;
mod why;

pub use cascade::{Cascade, Opinion, opinions};
pub use why::{Change, HeadWords};

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::bundle::{Bundle, EncoderBundle};
use crate::clean::{CleanText, Cleaner};
use crate::complaint::Complaint;
use crate::cues;
use crate::decide::{Decider, Prior, Raised};
use crate::error::{Error, Result};
use crate::features::{Features, Scratch};
use crate::model::{Activations, Contributions};
use crate::segment::{Segmenter, Segments};
use crate::tables::Tables;
use crate::taxonomy::head;
use crate::ticket::{EvidenceWord, Judge, Ticket};

/// Text to words: what training and triage share, so that neither can prepare text in its own way.
pub struct Front<'t> {
    pub cleaner: &'t Cleaner,
    pub segmenter: &'t Segmenter,
}

impl Front<'_> {
    pub fn clean(&self, raw: &str) -> CleanText {
        self.cleaner.apply(raw)
    }

    pub fn segment<'c>(&self, clean: &'c CleanText) -> Segments<'c> {
        self.segmenter.apply(clean)
    }
}

/// Memory of one thread, reused from complaint to complaint.
#[derive(Default)]
pub struct Workspace {
    scratch: Scratch,
    cues: cues::Scratch,
    pub features: Features,
    pub activations: Activations,
    pub contributions: Contributions,
}

impl Workspace {
    /// The words that spoke most for the first or the second logit of `contributions`.
    fn words(&self, k: usize) -> Vec<EvidenceWord> {
        let mut best: [(f32, usize); N_EVIDENCE] = [(0.0, 0); N_EVIDENCE];
        let mut n = 0;
        for (i, pair) in self.contributions.words.iter().enumerate() {
            let value = pair[k];
            // Of equal words the earlier one stands first.
            if value > 0.0 && (n < N_EVIDENCE || value > best[n - 1].0) {
                n = (n + 1).min(N_EVIDENCE);
                let at = best[..n - 1].partition_point(|b| b.0 >= value);
                best.copy_within(at..n - 1, at + 1);
                best[at] = (value, i);
            }
        }
        let words = best[..n].iter().map(|&(contribution, i)| EvidenceWord {
            range: self.features.words()[i].byte_range(),
            contribution,
        });
        words.collect()
    }
}

/// Tables and bundle, checked against each other: all that a decision needs.
pub struct Triage {
    pub tables: Arc<Tables>,
    pub bundle: Arc<Bundle>,
    segmenter: Segmenter,
    decider: Decider,
    cascade: Option<Cascade>,
    /// Names of parallel clocks by type.
    parallel: Vec<Vec<String>>,
}

/// Version of the pipeline: with the bundle and the tables it names what decided.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Words of evidence kept per label.
const N_EVIDENCE: usize = 5;

impl Triage {
    pub fn load(data: &Path, model: &Path) -> Result<Triage> {
        Triage::load_with(data, model, None, None)
    }

    /// As `load`, with an encoder bundle behind the fast model and the class mix of a site.
    pub fn load_with(
        data: &Path,
        model: &Path,
        cascade: Option<&Path>,
        prior: Option<&Path>,
    ) -> Result<Triage> {
        let tables = Tables::load(data)?;
        let mut bundle = Bundle::load(model)?;
        let mut second = cascade.map(EncoderBundle::load).transpose()?;
        if let Some(path) = prior {
            let prior = Prior::load(path)?;
            bundle.set_prior(&prior)?;
            if let Some(second) = &mut second {
                second.set_prior(&prior)?;
            }
        }
        let triage = Triage::new(Arc::new(tables), Arc::new(bundle))?;
        match second {
            Some(second) => triage.with_cascade(Arc::new(second)),
            None => Ok(triage),
        }
    }

    pub fn new(tables: Arc<Tables>, bundle: Arc<Bundle>) -> Result<Triage> {
        Ok(Triage {
            segmenter: Segmenter::new(bundle.dictionary())?,
            decider: Decider::new(
                &bundle.network().spec().heads,
                bundle.calibration(),
                &tables.taxonomy,
                &tables.cues,
            )?,
            parallel: tables
                .taxonomy
                .types
                .iter()
                .map(|t| t.parallel.clone())
                .collect(),
            tables,
            bundle,
            cascade: None,
        })
    }

    pub fn front(&self) -> Front<'_> {
        Front {
            cleaner: &self.tables.cleaner,
            segmenter: &self.segmenter,
        }
    }

    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// Decides one complaint by the fast model.
    pub fn decide<'c>(&self, complaint: &'c Complaint, work: &mut Workspace) -> Result<Ticket<'c>> {
        self.decide_by(complaint, None, work)
    }

    /// By the encoder's opinion, where the cascade has one.
    fn decide_by<'c>(
        &self,
        complaint: &'c Complaint,
        second: Option<&Opinion>,
        work: &mut Workspace,
    ) -> Result<Ticket<'c>> {
        let tables = &*self.tables;
        let network = self.bundle.network();
        let clean = self.front().clean(&complaint.text);
        let mut segments = self.front().segment(&clean);
        let findings = tables.findings(complaint, &clean, &mut work.cues);
        segments.withhold(&findings.withheld);
        self.bundle.vocabulary().apply_into(
            &segments,
            &tables.cues.signals(&findings),
            &mut work.scratch,
            &mut work.features,
        );
        network.forward(&work.features, &mut work.activations);
        let received = complaint.received.as_ref();
        let mut decision = self.decider.apply(
            work.activations.logits(),
            work.features.known_share(),
            self.bundle.calibration(),
            &findings,
        );
        let mut judge = Judge::Fast;
        if let (Some(opinion), Some(cascade)) = (second, &self.cascade) {
            let fast_type = decision.type_.first().label;
            judge = Judge::Encoder { fast_type };
            decision = cascade.decide(opinion, &findings, Some(&decision));
        }
        let route = tables
            .routing
            .apply(&decision, complaint.channel, &tables.taxonomy)
            .ok_or_else(|| Error::Failed("the routing table is not total".to_owned()))?;
        let type_label = decision.type_.first().label;
        let due = received.map(|received| {
            let parallel: Vec<&str> = self.parallel[type_label]
                .iter()
                .map(String::as_str)
                .collect();
            tables
                .clock
                .due(received, &complaint.events, &route.targets, &parallel)
        });
        // The words for the level that holds, unless a rule gave it: then those for the model's own.
        let level = match decision.raised_by {
            Some(Raised::Caution(_)) => decision.level,
            _ => decision.urgency.first().label,
        };
        let outputs = [
            self.decider.output(head::TYPE, type_label),
            self.decider.output(head::URGENCY, level),
        ];
        network.contributions(
            &work.features,
            &work.activations,
            outputs,
            &mut work.contributions,
        );
        let [type_words, level_words] = [0, 1].map(|k| work.words(k));
        Ok(Ticket {
            complaint,
            text_sha256: crate::digest::sha256(clean.text().as_bytes()),
            clean,
            decision,
            judge,
            findings,
            route,
            due,
            type_words,
            level_words,
        })
    }

    /// Maps records to whatever `finish` makes of their tickets, in parallel, order kept.
    pub fn map<'r, R: Sync, T: Send>(
        &self,
        records: &'r [R],
        finish: impl Fn(&'r [R], &mut Workspace) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        records
            .par_chunks(CHUNK_RECORDS)
            .map_init(Workspace::default, |work, chunk| finish(chunk, work))
            .collect()
    }
}

/// Records that one thread takes at a time: enough to spread the cost of taking, few enough to balance.
pub const CHUNK_RECORDS: usize = 64;
