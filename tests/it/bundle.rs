//! A damaged or foreign bundle is refused with the reason.

use std::path::Path;

use crate::run::{read, root, write, xiaobao};

fn copied(dir: &Path) {
    for name in std::fs::read_dir(root().join("models/default")).expect("the default bundle") {
        let path = name.expect("entry").path();
        std::fs::copy(&path, dir.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn refused(change: impl Fn(&Path)) -> String {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copied(dir.path());
    change(dir.path());
    let ran = xiaobao(&["check", "--model", &dir.path().display().to_string()]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn an_untouched_copy_is_accepted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    copied(dir.path());
    let ran = xiaobao(&["check", "--model", &dir.path().display().to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn each_damage_is_named() {
    let now = format!("\"format_version\": {}", xiaobao::bundle::FORMAT_VERSION);
    let other_version = refused(|d| {
        let text = read(d.join("manifest.json"));
        write(
            d,
            "manifest.json",
            text.replace(&now, "\"format_version\": 99"),
        );
    });
    assert!(
        other_version.contains("format version 99"),
        "{other_version}"
    );
    let flipped = refused(|d| {
        let path = d.join("model.safetensors");
        let mut bytes = std::fs::read(&path).expect("weights");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        write(d, "model.safetensors", bytes);
    });
    assert!(
        flipped.contains("model.safetensors is not the file"),
        "{flipped}"
    );
    let missing = refused(|d| std::fs::remove_file(d.join("tokenizer.json")).expect("removed"));
    assert!(
        missing.contains("tokenizer.json cannot be read"),
        "{missing}"
    );
    let broken = refused(|d| {
        write(d, "manifest.json", "{");
    });
    assert!(broken.contains("manifest.json is damaged"), "{broken}");
    let labels = refused(|d| {
        let text = read(d.join("manifest.json"));
        write(d, "manifest.json", text.replacen("\"U1\"", "\"U9\"", 1));
    });
    assert!(labels.contains("head `urgency`"), "{labels}");
}

#[test]
fn the_default_bundle_is_small_and_loads_in_tokenizers() {
    let dir = root().join("models/default");
    let size: u64 = std::fs::read_dir(&dir)
        .expect("the default bundle")
        .map(|e| e.expect("entry").metadata().expect("metadata").len())
        .sum();
    assert!(size <= 16 << 20, "{size} bytes");
    let tokenizer = tokenizers::Tokenizer::from_file(dir.join("tokenizer.json")).expect("loads");
    assert_eq!(tokenizer.token_to_id("[UNK]"), Some(0));
    assert!(tokenizer.token_to_id("w/退款").is_some());
}
