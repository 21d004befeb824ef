//! Any bytes as a file of complaints, labelled or not, under any of its names: an error, or every record read or rejected.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use xiaobao::pipeline::{Triage, Workspace};
use xiaobao::source::{ANY_LABEL, Limits, Source, SourceOptions};

const NAMES: [&str; 6] = ["a.csv", "a.tsv", "a.jsonl", "a.txt", "a.xlsx", "a.parquet"];

static TRIAGE: LazyLock<Triage> = LazyLock::new(|| {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    Triage::load(&root.join("data"), &root.join("models/default"))
        .expect("the shipped tables and bundle")
});

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let (name, labelled) = (NAMES[usize::from(*first) % NAMES.len()], first & 0x80 != 0);
    let path = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    let tables = &TRIAGE.tables;
    let given = SourceOptions {
        labels: if labelled {
            vec![ANY_LABEL.to_owned()]
        } else {
            Vec::new()
        },
        limits: Limits {
            max_record_bytes: 1 << 16,
        },
        ..SourceOptions::default()
    };
    let Ok(options) = tables.source_options(&given) else {
        return;
    };
    let Ok(mut source) = Source::open(&path, &options) else {
        return;
    };
    let mut work = Workspace::default();
    // A file of this size has no more records than bytes.
    for _ in 0..=bytes.len() * 64 + 64 {
        match source.next_batch(64, &tables.taxonomy) {
            Err(_) => return,
            Ok(records) if records.is_empty() => return,
            Ok(records) => {
                let (mut n, all) = (0, records.len());
                TRIAGE
                    .each(&records, &mut work, |_| {
                        n += 1;
                        Ok(())
                    })
                    .expect("decided");
                assert_eq!(n, all, "read = decided + rejected");
            }
        }
    }
    panic!("a small file that never ends");
});
