//! Laws over random texts, through the road that triage takes.

use std::sync::OnceLock;

use proptest::prelude::*;
use xiaobao::complaint::{Carried, Complaint, Position};
use xiaobao::pipeline::{Triage, Workspace};

use crate::run::root;

fn triage() -> &'static Triage {
    static TRIAGE: OnceLock<Triage> = OnceLock::new();
    TRIAGE.get_or_init(|| {
        Triage::load(&root().join("data"), &root().join("models/default")).expect("it loads")
    })
}

/// Pieces of complaints in any order: cues, turns, personal data, punctuation, scripts and noise.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("客服：您好，请问有什么可以帮您？\n客户：".to_owned()),
        Just("我叫欧阳建平，电话１３８００１３８０００".to_owned()),
        Just("我没有想不开，".to_owned()),
        Just("我们二十个人现在都在大厅，".to_owned()),
        Just("信用卡被盗刷五万元".to_owned()),
        Just("再不處理我就找媒體曝光！！！".to_owned()),
        Just("\u{200b}😀 ‧ \t".to_owned()),
        Just("身份证11010519491231002X".to_owned()),
        "[一-龥]{0,12}",
        "[a-zA-Z0-9 ，。“”〔〕]{0,12}",
        any::<String>().prop_map(|s| s.chars().take(12).collect()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|p| p.concat())
}

fn complaint(text: String, channel: Option<usize>) -> Complaint {
    Complaint {
        id: "p".to_owned(),
        text,
        channel,
        channel_unknown: false,
        received: xiaobao::clock::parse_moment("2026-03-01 09:00"),
        events: Vec::new(),
        labels: Vec::new(),
        complainant: None,
        institution: None,
        carried: Carried::Cells(Vec::new()),
        position: Position {
            file: "p".into(),
            row: 1,
            line: 1,
            byte: 0,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn words_tile_what_decides_and_masks_stay_whole(text in text()) {
        let front = triage().front();
        let clean = front.clean(&text);
        let segments = front.segment(&clean);
        let mut words = segments.words().iter().map(|w| w.range());
        for range in clean.deciding() {
            let mut at = range.start;
            while at < range.end {
                let word = words.next().expect("a word");
                prop_assert_eq!(word.start, at);
                prop_assert!(word.end > word.start && word.end <= range.end);
                prop_assert!(clean.text().get(word.clone()).is_some());
                at = word.end;
            }
        }
        prop_assert_eq!(words.next(), None);
        for mask in clean.masks() {
            let cut = segments.words().iter().any(|w| {
                let w = w.range();
                w.start < mask.range.end && mask.range.start < w.end && w != mask.range
            });
            prop_assert!(!cut, "a mask was cut");
        }
    }

    #[test]
    fn decisions_are_probable_ordered_and_only_raised(text in text(), channel in 0usize..12) {
        let complaint = complaint(text, Some(channel));
        let ticket = triage().decide(&complaint, &mut Workspace::default()).expect("total");
        let d = &ticket.decision;
        for head in [&d.type_, &d.reason, &d.urgency] {
            let sum: f32 = head.ranked.iter().map(|r| r.prob).sum();
            prop_assert!(sum <= 1.0 + 1e-4 && sum > 0.0);
            prop_assert!(head.ranked.windows(2).all(|w| w[0].prob >= w[1].prob));
        }
        // Levels are listed from the highest.
        prop_assert!(d.level <= d.urgency.first().label);
        prop_assert_eq!(d.raised_by.is_some(), d.level < d.urgency.first().label);
        for word in ticket.type_words.iter().chain(&ticket.level_words) {
            prop_assert!(ticket.clean.text().get(word.range.clone()).is_some());
            prop_assert!(word.contribution > 0.0);
        }
        prop_assert!(ticket.due.as_ref().is_some_and(|due| due.in_force.is_some()));
    }
}
