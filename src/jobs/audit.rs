//! `xiaobao audit DIR`: are the results of a run those that it wrote, and was every record of its inputs accounted for.
//! Law: two verdicts, integrity and completeness; the first row that differs is named; nothing is changed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Outcome;
use super::triage::{MANIFEST, Manifest, Rows, chain};
use crate::digest::{hex, sha256};
use crate::error::{Error, Result};
use crate::proof::{LEAF_BYTES, Leaf, Tree, leaf};

/// What `audit` was asked to do.
#[derive(Debug)]
pub struct AuditOptions {
    /// The folder of a run.
    pub dir: PathBuf,
    /// The folder that its runs shared: its manifest and those before it are looked up there.
    pub store: Option<PathBuf>,
}

/// Faults of one verdict.
#[derive(Debug, Default)]
struct Verdict {
    faults: Vec<String>,
}

impl Verdict {
    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    fn say(&self, name: &str, holds: &str) {
        if self.faults.is_empty() {
            println!("{name} 成立  {holds}");
        } else {
            println!("{name} 不成立");
            for fault in &self.faults {
                println!("  {fault}");
            }
        }
    }
}

pub fn run(options: &AuditOptions) -> Result<Outcome> {
    let manifest = Manifest::load(&options.dir)?;
    let mut integrity = Verdict::default();
    let mut completeness = Verdict::default();
    for (name, mark) in &manifest.files {
        let path = options.dir.join(name);
        match digest_of(&path) {
            Err(_) => integrity.fault(format!("{}：文件不在", name.display())),
            Ok((n, sha)) if (n, &sha) != (mark.n_bytes, &mark.sha256) => integrity.fault(format!(
                "{}：与清单不符（清单 {} 字节，现 {n} 字节）",
                name.display(),
                mark.n_bytes
            )),
            Ok(_) => {}
        }
    }
    for extra in strangers(&options.dir, &manifest) {
        integrity.fault(format!("{}：清单里没有这个文件", extra.display()));
    }
    for rows in [&manifest.decisions, &manifest.rejects] {
        match compare(&options.dir, rows)? {
            Compared::Same => {}
            Compared::Unknown(what) | Compared::Differs(what) => integrity.fault(what),
        }
    }
    let links = match &options.store {
        Some(store) => check_chain(&options.dir, store, &manifest, &mut integrity)?,
        None => 0,
    };
    let unchanged = check_inputs(&manifest, &mut completeness);
    integrity.say(
        "完整性 integrity   ",
        &format!(
            "{} 个文件、{} 行决定、{} 行拒收与写出时一致{}",
            manifest.files.len(),
            manifest.decisions.rows,
            manifest.rejects.rows,
            if links > 0 {
                format!("，与 {links} 份清单的链相接")
            } else {
                String::new()
            }
        ),
    );
    completeness.say(
        "完备性 completeness",
        &format!(
            "读入 {} = 已决定 {} + 拒收 {}；{} 个输入中 {unchanged} 个仍在原处、内容未变",
            manifest.read,
            manifest.decided,
            manifest.rejected,
            manifest.inputs.len()
        ),
    );
    if integrity.faults.is_empty() && completeness.faults.is_empty() {
        Ok(Outcome::Done)
    } else {
        Err(Error::Failed(format!(
            "{}: the results are not as the run left them",
            options.dir.display()
        )))
    }
}

/// Bytes and SHA-256 of a file.
fn digest_of(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut n_bytes = 0;
    let mut block = vec![0; 1 << 18];
    loop {
        match file.read(&mut block)? {
            0 => return Ok((n_bytes, hex(&hasher.finalize()))),
            n => {
                hasher.update(&block[..n]);
                n_bytes += n as u64;
            }
        }
    }
}

/// Files among the results that no run wrote.
fn strangers(dir: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    for sub in ["", "lists", "replies", "proof"] {
        let Ok(entries) = std::fs::read_dir(dir.join(sub)) else {
            continue;
        };
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            let name = Path::new(sub).join(path.file_name().unwrap_or_default());
            if path.is_file() && name != Path::new(MANIFEST) && !manifest.files.contains_key(&name)
            {
                found.insert(name);
            }
        }
    }
    found.into_iter().collect()
}

enum Compared {
    Same,
    Differs(String),
    /// The leaves themselves cannot be trusted.
    Unknown(String),
}

/// Row by row, against the leaves that the run left.
fn compare(dir: &Path, rows: &Rows) -> Result<Compared> {
    if rows.file.extension().is_some_and(|e| e == "parquet") {
        // Its rows were hashed before they were packed: the hash of the whole file speaks for it.
        return Ok(Compared::Same);
    }
    let leaves_path = dir.join(&rows.leaves);
    let leaves_name = rows.leaves.display();
    let Ok(bytes) = std::fs::read(&leaves_path) else {
        return Ok(Compared::Unknown(format!(
            "{leaves_name}：读不到，无法逐行核对 {}",
            rows.file.display()
        )));
    };
    let (leaves, rest) = bytes.as_chunks::<LEAF_BYTES>();
    let mut tree = Tree::default();
    leaves.iter().for_each(|l| tree.push(*l));
    if tree.root() != rows.root || tree.n() != rows.rows || !rest.is_empty() {
        return Ok(Compared::Unknown(format!(
            "{leaves_name}：与清单里的默克尔根不符，无法逐行核对 {}",
            rows.file.display()
        )));
    }
    let Ok(file) = File::open(dir.join(&rows.file)) else {
        return Ok(Compared::Unknown(format!(
            "{}：读不到",
            rows.file.display()
        )));
    };
    let mut reader = RowReader::new(BufReader::with_capacity(1 << 18, file), &rows.file);
    let failed = |e| Error::io(&dir.join(&rows.file), "cannot be read", e);
    reader.skip_header().map_err(failed)?;
    let name = rows.file.display();
    for (i, expected) in leaves.iter().enumerate() {
        let line = reader.line;
        let Some(row) = reader.next().map_err(failed)? else {
            return Ok(Compared::Differs(format!(
                "{name}：第 {} 行起缺失（应有 {} 行）",
                i + 1,
                leaves.len()
            )));
        };
        let found = leaf(&row);
        if found == *expected {
            continue;
        }
        let after = reader.next().map_err(failed)?.map(|r| leaf(&r));
        return Ok(Compared::Differs(format!(
            "{name}：第 {} 行（文件第 {line} 行）与写出时不同，{}",
            i + 1,
            kind_of(&found, after.as_ref(), expected, leaves.get(i + 1))
        )));
    }
    Ok(match reader.next().map_err(failed)? {
        Some(_) => Compared::Differs(format!("{name}：第 {} 行起是多出来的", leaves.len() + 1)),
        None => Compared::Same,
    })
}

/// What was done at the first row that differs, as far as the rows behind it tell.
fn kind_of(
    found: &Leaf,
    after: Option<&Leaf>,
    expected: &Leaf,
    next_expected: Option<&Leaf>,
) -> &'static str {
    if Some(found) == next_expected {
        "原来的这一行被删去"
    } else if after == Some(expected) {
        "这一行是插入的"
    } else {
        "内容被改动"
    }
}

/// Rows of a file as they were written: a line end inside quotes is part of a row of CSV.
struct RowReader<R> {
    inner: R,
    csv: bool,
    /// Number of the line that the next row begins on.
    line: u64,
}

impl<R: BufRead> RowReader<R> {
    fn new(inner: R, name: &Path) -> RowReader<R> {
        RowReader {
            inner,
            csv: name.extension().is_some_and(|e| e == "csv"),
            line: 1,
        }
    }

    fn skip_header(&mut self) -> std::io::Result<()> {
        if self.csv {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut row = Vec::new();
        let mut quotes = 0;
        loop {
            let start = row.len();
            if self.inner.read_until(b'\n', &mut row)? == 0 {
                return Ok((!row.is_empty()).then_some(row));
            }
            self.line += 1;
            quotes += memchr::memchr_iter(b'"', &row[start..]).count();
            if !self.csv || quotes % 2 == 0 {
                return Ok(Some(row));
            }
        }
    }
}

/// The manifest stands in the chain, behind the one that it names; returns the length of the chain.
fn check_chain(
    dir: &Path,
    store: &Path,
    manifest: &Manifest,
    integrity: &mut Verdict,
) -> Result<usize> {
    let path = dir.join(MANIFEST);
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, "cannot be read", e))?;
    let own = sha256(&bytes);
    let links = chain(store)?;
    match links.iter().position(|l| l.manifest_sha256 == own) {
        None => integrity.fault(format!(
            "{MANIFEST}：不在 {} 的链上：清单被改动，或不是用这个 --store 运行的",
            store.display()
        )),
        Some(at) => {
            let before = at.checked_sub(1).map(|i| &links[i]);
            if before != manifest.previous.as_ref() {
                integrity.fault(format!(
                    "{MANIFEST}：指向的上一份清单与 {} 的链不符",
                    store.display()
                ));
            }
        }
    }
    Ok(links.len())
}

/// Returns how many inputs lie where they lay, unchanged.
fn check_inputs(manifest: &Manifest, completeness: &mut Verdict) -> usize {
    let (mut read, mut decided, mut rejected) = (0, 0, 0);
    let mut unchanged = 0;
    for input in &manifest.inputs {
        let name = &input.found.file;
        if input.read != input.decided + input.rejected {
            completeness.fault(format!(
                "{name}：读入 {} 条，但已决定 {} 条、拒收 {} 条",
                input.read, input.decided, input.rejected
            ));
        }
        read += input.read;
        decided += input.decided;
        rejected += input.rejected;
        match digest_of(Path::new(name)) {
            // Gone or never a file: what it held is told by its hash alone.
            Err(_) => {}
            Ok((_, sha)) if sha == input.sha256 => unchanged += 1,
            Ok(_) => completeness.fault(format!("{name}：输入文件在运行之后被改动或换过")),
        }
    }
    if (read, decided, rejected) != (manifest.read, manifest.decided, manifest.rejected) {
        completeness.fault("各输入的条数之和与清单的总数不符".to_owned());
    }
    for (rows, n, what) in [
        (&manifest.decisions, manifest.decided, "已决定"),
        (&manifest.rejects, manifest.rejected, "拒收"),
    ] {
        if rows.rows != n {
            completeness.fault(format!(
                "{}：{} 行，清单说{what} {n} 条",
                rows.file.display(),
                rows.rows
            ));
        }
    }
    unchanged
}
