//! A complaint and a bundle with any heads in, what its network says out: for jobs that need no decision of triage.
//! Law: by the same clean, segment, features and signals as triage.

use crate::bundle::Bundle;
use crate::clean::CleanText;
use crate::complaint::Complaint;
use crate::cues::Scratch;
use crate::features::{Features, Vocabulary};
use crate::model::{Activations, Network};
use crate::pipeline::Front;
use crate::segment::{Segmenter, Segments};
use crate::tables::Tables;

/// Tables and a bundle, which need not have our heads.
pub(super) struct ByNetwork<'b> {
    front: Front<'b>,
    tables: &'b Tables,
    vocabulary: &'b Vocabulary,
    network: &'b Network,
}

/// Memory of one thread; `activations` are those of the text read last.
#[derive(Default)]
pub(super) struct Work {
    pub activations: Activations,
    scratch: Scratch,
}

impl<'b> ByNetwork<'b> {
    /// `segmenter`: with the dictionary of the bundle.
    pub fn new(tables: &'b Tables, bundle: &'b Bundle, segmenter: &'b Segmenter) -> Self {
        ByNetwork::of(tables, bundle.vocabulary(), bundle.network(), segmenter)
    }

    /// As `new`, for what is not yet in a bundle.
    pub fn of(
        tables: &'b Tables,
        vocabulary: &'b Vocabulary,
        network: &'b Network,
        segmenter: &'b Segmenter,
    ) -> Self {
        ByNetwork {
            front: Front {
                cleaner: &tables.cleaner,
                segmenter,
            },
            tables,
            vocabulary,
            network,
        }
    }

    pub fn clean(&self, row: &Complaint) -> CleanText {
        self.front.clean(&row.text)
    }

    /// Reads one cleaned complaint; its activations stand in `work`.
    pub fn read<'c>(
        &self,
        row: &Complaint,
        clean: &'c CleanText,
        work: &mut Work,
    ) -> (Segments<'c>, Features) {
        let findings = self.tables.findings(row, clean, &mut work.scratch);
        let signals = self.tables.cues.signals(&findings);
        let mut segments = self.front.segment(clean);
        segments.withhold(&findings.withheld);
        let features = self.vocabulary.apply(&segments, &signals);
        self.network.forward(&features, &mut work.activations);
        (segments, features)
    }
}
