//! A decided complaint in, why out: the words for and against each head's answer, and what would have changed it.
//! Law: each share is exact; a change that is told was tried on the network.

use std::ops::Range;

use super::{Triage, Workspace};
use crate::cues::Findings;
use crate::decide::Decision;
use crate::taxonomy::head;
use crate::ticket::{EvidenceWord, Ticket};

/// The words that decide between a head's first and second label.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadWords {
    pub head: &'static str,
    /// Taxonomy labels.
    pub first: usize,
    pub second: usize,
    /// By how much each word moves the first logit more than the second; the largest first.
    pub words: Vec<EvidenceWord>,
    /// What all the rest, bias and signals, does.
    pub rest: f32,
}

/// Words without which a head would have answered otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub head: &'static str,
    /// Bytes of `CleanText::text`.
    pub without: Vec<Range<usize>>,
    /// Taxonomy label that would stand first.
    pub to: usize,
}

/// Words taken away at most before it is said that no few words decide; chosen.
const MOST_WORDS: usize = 8;

impl Triage {
    /// For type, reason and level as the model gives it.
    pub fn head_words(&self, ticket: &Ticket<'_>, work: &mut Workspace) -> Vec<HeadWords> {
        HEADS
            .iter()
            .map(|name| {
                self.read_again(ticket, &[], work);
                self.words_between(name, &ticket.decision, work)
            })
            .collect()
    }

    /// The fewest words, taken greedily, without which type, reason or level by the model would be another.
    pub fn what_would_change(&self, ticket: &Ticket<'_>, work: &mut Workspace) -> Vec<Change> {
        let mut changes = Vec::new();
        for name in HEADS {
            let was = first_of(&ticket.decision, name);
            let mut without: Vec<Range<usize>> = Vec::new();
            while without.len() < MOST_WORDS {
                let now = self.read_again(ticket, &without, work);
                if first_of(&now, name) != was {
                    changes.push(Change {
                        head: name,
                        to: first_of(&now, name),
                        without,
                    });
                    break;
                }
                let words = self.words_between(name, &now, work).words;
                match words.into_iter().next().filter(|w| w.contribution > 0.0) {
                    Some(word) => without.push(word.range),
                    None => break,
                }
            }
        }
        changes
    }

    /// Decides the ticket's text anew without some of its words; leaves features and activations in `work`.
    fn read_again(
        &self,
        ticket: &Ticket<'_>,
        without: &[Range<usize>],
        work: &mut Workspace,
    ) -> Decision {
        let findings: &Findings = &ticket.findings;
        let mut segments = self.front().segment(&ticket.clean);
        segments.withhold(&findings.withheld);
        let mut taken = without.to_vec();
        taken.sort_by_key(|r| r.start);
        segments.withhold(&taken);
        self.bundle.vocabulary().apply_into(
            &segments,
            &self.tables.cues.signals(findings),
            &mut work.scratch,
            &mut work.features,
        );
        self.bundle
            .network()
            .forward(&work.features, &mut work.activations);
        self.decider().apply(
            work.activations.logits(),
            work.features.known_share(),
            self.bundle.calibration(),
            findings,
        )
    }

    /// After `read_again`: the words between the first and the second label of a head.
    fn words_between(
        &self,
        name: &'static str,
        decision: &Decision,
        work: &mut Workspace,
    ) -> HeadWords {
        let ranked = match name {
            head::TYPE => &decision.type_.ranked,
            head::REASON => &decision.reason.ranked,
            _ => &decision.urgency.ranked,
        };
        let first = ranked[0].label;
        let second = ranked.get(1).map_or(first, |r| r.label);
        let outputs = [first, second].map(|label| self.decider().output(name, label));
        self.bundle.network().contributions(
            &work.features,
            &work.activations,
            outputs,
            &mut work.contributions,
        );
        let found = &work.contributions;
        let pairs = work.features.words().iter().zip(&found.words);
        let mut words: Vec<EvidenceWord> = pairs
            .map(|(word, pair)| EvidenceWord {
                range: word.byte_range(),
                contribution: pair[0] - pair[1],
            })
            .collect();
        words.sort_by(|a, b| {
            b.contribution
                .total_cmp(&a.contribution)
                .then(a.range.start.cmp(&b.range.start))
        });
        HeadWords {
            head: name,
            first,
            second,
            words,
            rest: found.bias[0] - found.bias[1],
        }
    }
}

const HEADS: [&str; 3] = [head::TYPE, head::REASON, head::URGENCY];

/// The label that the model puts first.
fn first_of(decision: &Decision, name: &str) -> usize {
    match name {
        head::TYPE => decision.type_.first().label,
        head::REASON => decision.reason.first().label,
        _ => decision.urgency.first().label,
    }
}
