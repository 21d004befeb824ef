//! Labelled rows in, the answers of a fast model, an encoder or both out: what `evaluate` scores.
//! Law: by the same clean, features and decide as triage.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::network::{ByNetwork, Work};
use crate::bundle::{Bundle, EncoderBundle, is_encoder};
use crate::clean::CleanText;
use crate::clock::Moment;
use crate::complaint::Complaint;
use crate::cues::Scratch;
use crate::decide::{Band, Calibration, Decision, Prior, Threshold};
use crate::error::{Error, Result};
use crate::model::{HeadKind, HeadSpec, offsets};
use crate::pipeline::{Cascade, Opinion, Triage, Workspace, opinions};
use crate::segment::Segmenter;
use crate::tables::Tables;
use crate::taxonomy::head;

/// What one row was given, by scored head.
pub(super) struct Given {
    /// Label and calibrated probability of each single head, or the labels that pass.
    pub heads: Vec<GivenHead>,
    /// By the model that judged, for bundles that triage.
    pub band: Option<Band>,
    pub genre: String,
    pub masked: String,
    /// Where it would go, by the fast model of a bundle that triages.
    pub floor: Option<Floor>,
    /// The fast model's answers, where the encoder's stand in `heads`.
    pub alone: Option<Vec<GivenHead>>,
}

/// What a decision means for those who handle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Floor {
    /// Index into `Taxonomy::queues`.
    pub queue: usize,
    /// Index into `Taxonomy::levels`.
    pub level: usize,
    pub band: Band,
    /// By when it should be handled; `None` without a day of receipt.
    pub handle_by: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum GivenHead {
    One(usize, f32),
    Any(Vec<usize>),
}

/// The model or models that are evaluated.
pub(super) struct Models {
    fast: Option<Arc<Bundle>>,
    encoder: Option<Arc<EncoderBundle>>,
}

impl Models {
    /// `--model` may name either kind; a cascade needs a fast one before it.
    pub fn load(model: &Path, cascade: Option<&Path>, prior: Option<&Path>) -> Result<Models> {
        let alone = is_encoder(model);
        if alone && cascade.is_some() {
            return Err(Error::Usage(
                "--cascade: name a fast bundle with --model, it judges first".to_owned(),
            ));
        }
        let mut fast = (!alone).then(|| Bundle::load(model)).transpose()?;
        let second = if alone { Some(model) } else { cascade };
        let mut encoder = second.map(EncoderBundle::load).transpose()?;
        if let Some(path) = prior {
            let prior = Prior::load(path)?;
            if let Some(fast) = &mut fast {
                fast.set_prior(&prior)?;
            }
            if let Some(encoder) = &mut encoder {
                encoder.set_prior(&prior)?;
            }
        }
        Ok(Models {
            fast: fast.map(Arc::new),
            encoder: encoder.map(Arc::new),
        })
    }

    /// Of the model that judges first.
    pub fn heads(&self) -> &[HeadSpec] {
        match (&self.fast, &self.encoder) {
            (Some(fast), _) => &fast.network().spec().heads,
            (None, Some(encoder)) => &encoder.manifest().encoder.heads,
            (None, None) => &[],
        }
    }

    pub fn id(&self) -> &str {
        match (&self.fast, &self.encoder) {
            (Some(fast), _) => fast.id(),
            (None, Some(encoder)) => encoder.id(),
            (None, None) => "",
        }
    }

    /// The fast model, which can say which words decided.
    pub fn fast(&self) -> Option<&Arc<Bundle>> {
        self.fast.as_ref()
    }

    /// Names and thresholds of one single head of the model that judges first.
    pub fn thresholds(&self, place: usize) -> impl Iterator<Item = (&'static str, &Threshold)> {
        let calibration = match (&self.fast, &self.encoder) {
            (Some(fast), _) => Some(fast.calibration()),
            (None, Some(encoder)) => Some(encoder.calibration()),
            (None, None) => None,
        };
        let head = calibration.map(|c| &c.heads[place]);
        head.into_iter().map(|h| ("auto", &h.auto))
    }

    /// Id of the encoder behind a fast model.
    pub fn cascade_id(&self) -> Option<&str> {
        self.fast.as_ref()?;
        self.encoder.as_ref().map(|e| e.id())
    }

    /// Answers every row; `places`: the scored heads.
    pub fn give(
        &self,
        rows: &[Complaint],
        tables: &Arc<Tables>,
        places: &[usize],
    ) -> Result<Vec<Given>> {
        let Some(fast) = &self.fast else {
            let all: Vec<usize> = (0..rows.len()).collect();
            return self.by_encoder(rows, &all, tables, places, &[]);
        };
        let mut given = by_fast(rows, tables, fast, places)?;
        if self.encoder.is_none() {
            return Ok(given.into_iter().map(|(given, _)| given).collect());
        }
        let is_auto = |given: &Given| match (given.band, given.heads.first()) {
            (Some(band), _) => band == Band::Auto,
            // A bundle without our heads: by the first scored one.
            (None, Some(GivenHead::One(_, prob))) => {
                *prob >= fast.calibration().heads[places[0]].auto.prob
            }
            _ => false,
        };
        let sent: Vec<usize> = (0..rows.len()).filter(|i| !is_auto(&given[*i].0)).collect();
        let decisions: Vec<Option<Decision>> = sent.iter().map(|i| given[*i].1.take()).collect();
        let second = self.by_encoder(rows, &sent, tables, places, &decisions)?;
        let mut given: Vec<Given> = given.into_iter().map(|(given, _)| given).collect();
        for (i, mut second) in sent.into_iter().zip(second) {
            std::mem::swap(&mut given[i], &mut second);
            given[i].alone = Some(second.heads);
        }
        Ok(given)
    }

    /// Answers the rows `picked`; `fast`: what the fast model decided about them, or nothing.
    fn by_encoder(
        &self,
        rows: &[Complaint],
        picked: &[usize],
        tables: &Arc<Tables>,
        places: &[usize],
        fast: &[Option<Decision>],
    ) -> Result<Vec<Given>> {
        let Some(bundle) = &self.encoder else {
            return Ok(Vec::new());
        };
        let own = &bundle.manifest().encoder.heads;
        let heads = places
            .iter()
            .map(|p| {
                let asked = &self.heads()[*p];
                own.iter().position(|h| h == asked).ok_or_else(|| {
                    Error::Usage(format!(
                        "head `{}`: the encoder bundle's labels are not those of --model: train both on the same labels",
                        asked.name
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let cascade = own
            .iter()
            .any(|h| h.name == head::TYPE)
            .then(|| Cascade::new(bundle.clone(), tables).ok())
            .flatten();
        let cleaned: Vec<CleanText> = picked
            .par_iter()
            .map(|i| tables.cleaner.apply(&rows[*i].text))
            .collect();
        let texts: Vec<&CleanText> = cleaned.iter().collect();
        let opinions = opinions(bundle, &texts)?;
        let answer = |scratch: &mut Scratch, (n, (i, clean)): (usize, (&usize, &CleanText))| {
            let opinion: &Opinion = &opinions[n];
            let mut found = answers(own, bundle.calibration(), &heads, &opinion.logits);
            let decision = cascade.as_ref().map(|cascade| {
                let findings = tables.findings(&rows[*i], clean, scratch);
                let first = fast.get(n).and_then(Option::as_ref);
                cascade.decide(opinion, &findings, first)
            });
            if let Some(decision) = &decision {
                as_decided(decision, own, &heads, tables, &mut found);
            }
            Given {
                heads: found,
                band: decision.map(|d| d.band),
                genre: genre(&rows[*i], tables),
                masked: clean.text().to_owned(),
                floor: None,
                alone: None,
            }
        };
        Ok(picked
            .par_iter()
            .zip(&cleaned)
            .enumerate()
            .map_init(Scratch::default, answer)
            .collect())
    }
}

/// Answers of the heads `places`, by logits and calibration alone.
fn answers(
    heads: &[HeadSpec],
    calibration: &Calibration,
    places: &[usize],
    logits: &[f32],
) -> Vec<GivenHead> {
    let offsets = offsets(heads);
    places
        .iter()
        .map(|p| {
            let head = &heads[*p];
            let own = &logits[offsets[*p]..offsets[*p] + head.labels.len()];
            let calibration = &calibration.heads[*p];
            match head.kind {
                HeadKind::Single => {
                    let (label, prob) = calibration.first(own);
                    GivenHead::One(label, prob)
                }
                HeadKind::Multi => GivenHead::Any(calibration.passing(own)),
            }
        })
        .collect()
}

/// Level and flags as triage decides them: rules and caution included.
fn as_decided(
    decision: &Decision,
    heads: &[HeadSpec],
    places: &[usize],
    tables: &Tables,
    given: &mut [GivenHead],
) {
    for (given, p) in given.iter_mut().zip(places) {
        let head = &heads[*p];
        let codes = tables.taxonomy.codes(&head.name);
        let own = |i: usize| head.labels.iter().position(|l| l == codes[i]);
        if head.name == head::URGENCY
            && let (Some(level), GivenHead::One(_, prob)) = (own(decision.level), &*given)
        {
            *given = GivenHead::One(level, *prob);
        }
        if head.name == head::FLAGS {
            let flags = decision.flags.iter();
            *given = GivenHead::Any(flags.filter_map(|f| own(f.flag)).collect());
        }
    }
}

fn genre(row: &Complaint, tables: &Tables) -> String {
    row.channel
        .map_or_else(String::new, |c| tables.taxonomy.channels[c].genre.clone())
}

/// By the fast model: as triage does where the bundle has our heads, by the network alone for any other.
fn by_fast(
    rows: &[Complaint],
    tables: &Arc<Tables>,
    bundle: &Arc<Bundle>,
    places: &[usize],
) -> Result<Vec<(Given, Option<Decision>)>> {
    let heads = &bundle.network().spec().heads;
    let by_network = |logits: &[f32]| answers(heads, bundle.calibration(), places, logits);
    if heads.iter().any(|h| h.name == head::TYPE)
        && let Ok(triage) = Triage::new(tables.clone(), bundle.clone())
    {
        return rows
            .par_iter()
            .map_init(Workspace::default, |work, row| {
                let ticket = triage.decide(row, work)?;
                let mut found = by_network(work.activations.logits());
                as_decided(&ticket.decision, heads, places, tables, &mut found);
                let given = Given {
                    heads: found,
                    band: Some(ticket.decision.band),
                    genre: genre(row, tables),
                    masked: ticket.clean.text().to_owned(),
                    floor: Some(Floor {
                        queue: ticket.route.queue,
                        level: ticket.decision.level,
                        band: ticket.decision.band,
                        handle_by: ticket.due.as_ref().and_then(|d| d.targets.handle.by),
                    }),
                    alone: None,
                };
                Ok((given, Some(ticket.decision)))
            })
            .collect();
    }
    let segmenter = Segmenter::new(bundle.dictionary())?;
    let network = ByNetwork::new(tables, bundle, &segmenter);
    Ok(rows
        .par_iter()
        .map_init(Work::default, |work, row| {
            let clean = network.clean(row);
            network.read(row, &clean, work);
            let given = Given {
                heads: by_network(work.activations.logits()),
                band: None,
                genre: genre(row, tables),
                masked: clean.text().to_owned(),
                floor: None,
                alone: None,
            };
            (given, None)
        })
        .collect())
}
