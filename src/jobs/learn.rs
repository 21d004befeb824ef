//! Prepared rows in, vocabulary and network out, and what they say about rows they did not see: `train` once, audits by folds.
//! Law: by the same segment, features and signals as triage; only the rows named are learnt from.

use rayon::prelude::*;

use super::calibrate::Judged;
use super::prepared::Prepared;
use crate::bundle::Bundle;
use crate::cues::Signal;
use crate::error::{Error, Result};
use crate::features::{FeatureSpec, Features, Vocabulary, VocabularyFit};
use crate::model::{Activations, Example, FitOptions, Network, Progress, Target, fit};
use crate::pipeline::Front;
use crate::segment::{Segmenter, Segments};

/// Rows segmented at a time: what lies in memory beside the rows.
const CHUNK: usize = 1024;

/// How to learn.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'p> {
    pub features: FeatureSpec,
    pub fit: &'p FitOptions,
    /// Weights and vocabulary to begin with.
    pub init: Option<&'p Bundle>,
}

pub(super) struct Learner<'p> {
    prepared: &'p Prepared,
    front: Front<'p>,
    signals: Vec<Vec<Signal<'p>>>,
    recipe: Recipe<'p>,
}

/// What was learnt.
pub(super) struct Learnt {
    pub vocabulary: Vocabulary,
    pub network: Network,
}

impl<'p> Learner<'p> {
    /// `segmenter`: with the dictionary of the tables, or that of the bundle that is begun with.
    pub fn new(prepared: &'p Prepared, segmenter: &'p Segmenter, recipe: Recipe<'p>) -> Self {
        let cues = &prepared.tables.cues;
        Learner {
            front: Front {
                cleaner: &prepared.tables.cleaner,
                segmenter,
            },
            signals: prepared.findings.iter().map(|f| cues.signals(f)).collect(),
            prepared,
            recipe,
        }
    }

    /// Learns from `rows`, places among the prepared ones, in their order, by the labels of `targets`.
    pub fn learn(
        &self,
        rows: &[usize],
        targets: &[Vec<Option<Target>>],
        progress: Progress<'_>,
    ) -> Result<Learnt> {
        let vocabulary = match self.recipe.init {
            Some(bundle) => bundle.vocabulary().extended(
                &self.vocabulary(rows),
                bundle.manifest().n_train,
                rows.len(),
            ),
            None => self.vocabulary(rows),
        };
        if vocabulary.is_empty() {
            return Err(Error::Usage(
                "no feature stands in enough texts: lower --min-count, or give more rows"
                    .to_owned(),
            ));
        }
        let examples: Vec<Example> = rows
            .par_iter()
            .map(|&i| {
                let features = self.features(&vocabulary, i);
                Example {
                    words: features.totals(),
                    signals: features.signals().to_vec(),
                    targets: targets[i].clone(),
                }
            })
            .collect();
        let network = fit(
            vocabulary.len(),
            &self.prepared.specs,
            &examples,
            self.recipe.fit,
            self.recipe.init.map(Bundle::network),
            progress,
        )
        .map_err(|e| Error::Failed(format!("training failed: {e}")))?;
        Ok(Learnt {
            vocabulary,
            network,
        })
    }

    /// The words of a text without those that do not count.
    pub fn segments(&self, i: usize) -> Segments<'p> {
        let mut segments = self.front.segment(&self.prepared.cleaned[i]);
        segments.withhold(&self.prepared.findings[i].withheld);
        segments
    }

    pub fn features(&self, vocabulary: &Vocabulary, i: usize) -> Features {
        vocabulary.apply(&self.segments(i), &self.signals[i])
    }

    /// What a network says about `rows`, in their order.
    pub fn judge(&self, learnt: &Learnt, rows: &[usize]) -> Judged {
        let (logits, known_shares) = rows
            .par_iter()
            .map_init(Activations::default, |work, &i| {
                let features = self.features(&learnt.vocabulary, i);
                learnt.network.forward(&features, work);
                (work.logits().to_vec(), features.known_share())
            })
            .unzip();
        Judged {
            logits,
            known_shares,
        }
    }

    pub fn vocabulary(&self, rows: &[usize]) -> Vocabulary {
        let lexicon = self.prepared.tables.lexicon.clone();
        let mut fit = VocabularyFit::new(self.recipe.features, lexicon);
        for chunk in rows.chunks(CHUNK) {
            let segments: Vec<_> = chunk.par_iter().map(|&i| self.segments(i)).collect();
            for (segments, &i) in segments.iter().zip(chunk) {
                fit.add(segments, &self.signals[i]);
            }
        }
        fit.finish()
    }
}
