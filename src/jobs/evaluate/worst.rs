//! The most confident mistakes, with the words that spoke for the wrong label rather than for the right one.
//! Law: masked text only; the words' contributions are exact, as `explain` shows them.

use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use super::Picked;
use crate::bundle::Bundle;
use crate::cues::Scratch;
use crate::error::Result;
use crate::jobs::given::{GivenHead, Models};
use crate::model::{Activations, Contributions, Target, offsets};
use crate::pipeline::Front;
use crate::segment::Segmenter;
use crate::tables::Tables;

/// Mistakes shown of each head.
const SHOWN: usize = 10;
/// Words marked in each.
const WORDS: usize = 6;
/// Characters shown of a text.
const SHOWN_CHARS: usize = 240;

/// One mistake.
#[derive(Serialize)]
pub(super) struct Mistake {
    pub place: String,
    pub gold: usize,
    pub given: usize,
    pub prob: String,
    pub parts: Vec<Part>,
}

/// A piece of the masked text; `spoke`: it spoke for the wrong label.
#[derive(Serialize)]
pub(super) struct Part {
    pub text: String,
    pub spoke: bool,
}

/// By scored head: its most confident mistakes, the worst first.
pub(super) fn find(
    models: &Models,
    tables: &Arc<Tables>,
    picked: &Picked<'_>,
) -> Result<Vec<Vec<Mistake>>> {
    let words = models
        .fast()
        .map(|bundle| Words::new(bundle, tables))
        .transpose()?;
    let mut out = Vec::new();
    for (k, place) in picked.places.iter().enumerate() {
        let mut wrong: Vec<(usize, usize, usize, f32)> = (0..picked.rows.len())
            .filter_map(|i| match (&picked.gold[i][k], &picked.given[i].heads[k]) {
                (Some(Target::One(gold)), GivenHead::One(given, prob)) => {
                    let gold = *gold as usize;
                    (gold != *given).then_some((i, gold, *given, *prob))
                }
                _ => None,
            })
            .collect();
        wrong.sort_by(|a, b| b.3.total_cmp(&a.3).then(a.0.cmp(&b.0)));
        wrong.truncate(SHOWN);
        let mistakes = wrong.into_iter().map(|(i, gold, given, prob)| {
            let row = &picked.rows[i];
            let masked = &picked.given[i].masked;
            let spans = words.as_ref().map_or_else(Vec::new, |words| {
                words.between(&row.text, *place, given, gold)
            });
            Mistake {
                place: row.position.to_string(),
                gold,
                given,
                prob: format!("{prob:.2}"),
                parts: parts(masked, spans),
            }
        });
        out.push(mistakes.collect());
    }
    Ok(out)
}

/// Finds the words of a text that decided between two labels.
struct Words<'a> {
    bundle: &'a Bundle,
    tables: &'a Tables,
    segmenter: Segmenter,
}

impl<'a> Words<'a> {
    fn new(bundle: &'a Bundle, tables: &'a Tables) -> Result<Words<'a>> {
        Ok(Words {
            bundle,
            tables,
            segmenter: Segmenter::new(bundle.dictionary())?,
        })
    }

    /// Words that spoke for `given` more than for `gold`, the strongest ones, in the order of the text.
    fn between(&self, raw: &str, place: usize, given: usize, gold: usize) -> Vec<Range<usize>> {
        let network = self.bundle.network();
        let front = Front {
            cleaner: &self.tables.cleaner,
            segmenter: &self.segmenter,
        };
        let clean = front.clean(raw);
        let found = self.tables.cues.apply(
            clean.text(),
            clean.deciding(),
            "",
            None,
            &mut Scratch::default(),
        );
        let mut segments = front.segment(&clean);
        segments.withhold(&found.withheld);
        let signals = self.tables.cues.signals(&found);
        let features = self.bundle.vocabulary().apply(&segments, &signals);
        let mut activations = Activations::default();
        network.forward(&features, &mut activations);
        let first = offsets(&network.spec().heads)[place];
        let mut contributions = Contributions::default();
        let outputs = [first + given, first + gold];
        network.contributions(&features, &activations, outputs, &mut contributions);
        let mut words: Vec<(f32, Range<usize>)> = contributions
            .words
            .iter()
            .zip(features.words())
            .map(|(pair, word)| (pair[0] - pair[1], word.byte_range()))
            .filter(|(more, _)| *more > 0.0)
            .collect();
        words.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.start.cmp(&b.1.start)));
        words.truncate(WORDS);
        let mut spans: Vec<Range<usize>> = words.into_iter().map(|(_, range)| range).collect();
        spans.sort_by_key(|r| r.start);
        spans
    }
}

/// The text in pieces, marked ones apart; a long one is cut.
fn parts(text: &str, spans: Vec<Range<usize>>) -> Vec<Part> {
    let end = text
        .char_indices()
        .nth(SHOWN_CHARS)
        .map_or(text.len(), |(at, _)| at);
    let mut out: Vec<Part> = Vec::new();
    let mut put = |range: Range<usize>, spoke: bool| {
        if let Some(text) = text.get(range).filter(|t| !t.is_empty()) {
            let text = text.to_owned();
            out.push(Part { text, spoke });
        }
    };
    let mut at = 0;
    for span in spans {
        if span.start < at || span.end > end {
            continue;
        }
        put(at..span.start, false);
        at = span.end;
        put(span, true);
    }
    put(at..end, false);
    if end < text.len() {
        out.push(Part {
            text: "……".to_owned(),
            spoke: false,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_tile_the_text() {
        let text = "年费没人告诉我";
        let shown = parts(text, vec![0..6, 9..12, 10..15]);
        let joined: String = shown.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(joined, text);
        let spoke: Vec<&str> = shown
            .iter()
            .filter(|p| p.spoke)
            .map(|p| p.text.as_str())
            .collect();
        assert_eq!(spoke, ["年费", "人"]);
        let long = "账".repeat(300);
        assert_eq!(
            parts(&long, Vec::new()).last().map(|p| p.text.clone()),
            Some("……".to_owned())
        );
    }
}
