//! Imports point to the left: a room uses only rooms that stand before it in `lib.rs`.

use std::path::Path;

use crate::run::{read, root};

fn sources(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("src can be listed") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn imports_point_to_the_left() {
    let src = root().join("src");
    let lib = read(src.join("lib.rs"));
    let rooms: Vec<&str> = lib
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(rooms.len() > 15);
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let inner = path.strip_prefix(&src).expect("below src");
        let first = inner.components().next().expect("a name").as_os_str();
        let room = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        let Some(own) = rooms.iter().position(|r| *r == room) else {
            continue;
        };
        let text = read(&path);
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let used: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if let Some(place) = rooms.iter().position(|r| *r == used)
                && place > own
            {
                wrong.push(format!("{}: {room} uses {used}", inner.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_what_it_is() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    for path in files {
        assert!(read(&path).starts_with("//!"), "{}", path.display());
    }
}
