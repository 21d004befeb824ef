//! `models/<name>/` to and from a `Bundle`: all that a decision needs from training.
//! Law: the only reader and writer of a model folder; another version, a changed file or label set is refused
//! with the reason. The same training gives the same bytes.

mod encoder;

pub use encoder::{ENCODER_FORMAT_VERSION, EncoderBundle, EncoderManifest};

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::decide::{Calibration, LabelCounts, Prior};
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::features::{FeatureSpec, Lexicon, Vocabulary};
use crate::metrics::Reference;
use crate::model::{FitOptions, HeadSpec, Network, NetworkSpec};

/// Raised with every change of the files or of what a feature is.
pub const FORMAT_VERSION: u32 = 5;

const MANIFEST: &str = "manifest.json";
const WEIGHTS: &str = "model.safetensors";
const VOCABULARY: &str = "tokenizer.json";
/// Name of the tensor of document frequencies.
const IDF: &str = "features.idf";
const DICTIONARY: &str = "dictionary.txt";
const LEXICON: &str = "lexicon.toml";
const CALIBRATION: &str = "calibration.json";
/// A bundle written before 2026-11-29 has none.
const REFERENCE: &str = "reference.json";

/// What the bundle is and how it came to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format_version: u32,
    /// Version of the program that wrote it.
    pub xiaobao: String,
    pub network: NetworkSpec,
    pub features: FeatureSpec,
    pub training: FitOptions,
    /// SHA-256 over the labelled rows in order.
    pub data_sha256: String,
    pub n_train: usize,
    pub n_calibration: usize,
    /// Labels among the training rows, by head; a bundle written before 2026-11-28 has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_counts: Vec<LabelCounts>,
    /// Instruction sets in force when it was trained: on another class of CPU weights may differ by 1e-4.
    pub cpu_class: String,
    /// Figures on the calibration split, by head.
    pub metrics: BTreeMap<String, BTreeMap<String, f64>>,
    /// SHA-256 of each other file.
    pub files: BTreeMap<String, String>,
}

/// A trained model with everything around it.
#[derive(Debug)]
pub struct Bundle {
    manifest: Manifest,
    network: Network,
    vocabulary: Vocabulary,
    dictionary: String,
    calibration: Calibration,
    reference: Option<Reference>,
    id: String,
}

impl Bundle {
    /// `files` of `manifest` is filled here.
    pub fn new(
        mut manifest: Manifest,
        network: Network,
        vocabulary: Vocabulary,
        dictionary: String,
        calibration: Calibration,
        reference: Option<Reference>,
    ) -> Result<(Bundle, Files)> {
        let mut files = Files(BTreeMap::new());
        let failed = |e: String| Error::Failed(format!("the bundle cannot be written: {e}"));
        let mut tensors = network.to_tensors().map_err(|e| failed(e.to_string()))?;
        let idf = Tensor::from_slice(vocabulary.idf(), vocabulary.len(), &Device::Cpu);
        tensors.push((IDF, idf.map_err(|e| failed(e.to_string()))?));
        let weights = safetensors::serialize(tensors, None).map_err(|e| failed(e.to_string()))?;
        files.0.insert(WEIGHTS, weights);
        let json = vocabulary.to_tokenizer_json().map_err(failed)?;
        files.0.insert(VOCABULARY, json.into_bytes());
        files.0.insert(DICTIONARY, dictionary.clone().into_bytes());
        let lexicon = vocabulary.lexicon().source().as_bytes().to_vec();
        files.0.insert(LEXICON, lexicon);
        files.0.insert(CALIBRATION, pretty(&calibration)?);
        if let Some(reference) = &reference {
            files.0.insert(REFERENCE, pretty(reference)?);
        }
        manifest.files = files
            .0
            .iter()
            .map(|(name, bytes)| (name.to_string(), sha256(bytes)))
            .collect();
        let bytes = pretty(&manifest)?;
        let id = sha256(&bytes)[..12].to_owned();
        files.0.insert(MANIFEST, bytes);
        let bundle = Bundle {
            manifest,
            network,
            vocabulary,
            dictionary,
            calibration,
            reference,
            id,
        };
        Ok((bundle, files))
    }

    /// Reads and checks a folder.
    pub fn load(dir: &Path) -> Result<Bundle> {
        let refuse = |what: String, mend: &str| Error::Bundle {
            path: dir.to_owned(),
            what,
            mend: mend.to_owned(),
        };
        const AGAIN: &str = "restore the folder, or train it again with `xiaobao train`";
        let read = |name: &str| {
            std::fs::read(dir.join(name)).map_err(|e| {
                refuse(
                    format!("{name} cannot be read ({e})"),
                    "name a bundle with --model DIR, or make one with `xiaobao train`",
                )
            })
        };
        let manifest_bytes = read(MANIFEST)?;
        if kind_of(&manifest_bytes).as_deref() == Some(ENCODER) {
            return Err(refuse(
                "is an encoder bundle, not a fast one".to_owned(),
                "name it with --cascade, and a fast bundle with --model",
            ));
        }
        // The version is read first: a later format may have other fields.
        let version = serde_json::from_slice::<serde_json::Value>(&manifest_bytes)
            .ok()
            .and_then(|v| v.get("format_version")?.as_u64());
        match version {
            Some(v) if v == u64::from(FORMAT_VERSION) => {}
            Some(v) => {
                return Err(refuse(
                    format!("format version {v}, this program reads {FORMAT_VERSION}"),
                    "train it again, or use the program that wrote it",
                ));
            }
            None => return Err(refuse(format!("{MANIFEST} is damaged"), AGAIN)),
        }
        let manifest: Manifest = serde_json::from_slice(&manifest_bytes)
            .map_err(|e| refuse(format!("{MANIFEST} is damaged ({e})"), AGAIN))?;
        let mut checked = BTreeMap::new();
        let mut names = vec![WEIGHTS, VOCABULARY, DICTIONARY, LEXICON, CALIBRATION];
        names.extend(manifest.files.contains_key(REFERENCE).then_some(REFERENCE));
        for name in names {
            let bytes = read(name)?;
            if manifest.files.get(name) != Some(&sha256(&bytes)) {
                return Err(refuse(
                    format!("{name} is not the file that the manifest describes"),
                    AGAIN,
                ));
            }
            checked.insert(name, bytes);
        }
        let damaged = |name: &str, e: String| refuse(format!("{name} is damaged ({e})"), AGAIN);
        let text = |name: &str| {
            String::from_utf8(checked[name].clone()).map_err(|e| damaged(name, e.to_string()))
        };
        let dictionary = text(DICTIONARY)?;
        let mut faults = Vec::new();
        let lexicon = Lexicon::parse(&text(LEXICON)?, &dir.join(LEXICON), &mut faults);
        if let Some(fault) = faults.first() {
            return Err(damaged(LEXICON, fault.to_string()));
        }
        let calibration: Calibration = serde_json::from_slice(&checked[CALIBRATION])
            .map_err(|e| damaged(CALIBRATION, e.to_string()))?;
        let reference = checked.get(REFERENCE).map(|b| serde_json::from_slice(b));
        let reference: Option<Reference> = reference
            .transpose()
            .map_err(|e| damaged(REFERENCE, e.to_string()))?;
        let mut tensors = candle_core::safetensors::load_buffer(&checked[WEIGHTS], &Device::Cpu)
            .map_err(|e| damaged(WEIGHTS, e.to_string()))?;
        let idf = tensors
            .remove(IDF)
            .ok_or_else(|| damaged(WEIGHTS, format!("tensor `{IDF}` is missing")))?
            .to_vec1::<f32>()
            .map_err(|e| damaged(WEIGHTS, e.to_string()))?;
        let vocabulary =
            Vocabulary::from_tokenizer_json(&checked[VOCABULARY], manifest.features, lexicon, idf)
                .map_err(|e| damaged(VOCABULARY, e))?;
        let network = Network::from_tensors(manifest.network.clone(), tensors)
            .map_err(|e| damaged(WEIGHTS, e))?;
        if vocabulary.len() != manifest.network.n_features {
            let what = format!(
                "{} features, the network has {} rows",
                vocabulary.len(),
                manifest.network.n_features
            );
            return Err(damaged(VOCABULARY, what));
        }
        if calibration.heads.len() != manifest.network.heads.len() {
            return Err(damaged(CALIBRATION, "not one entry per head".to_owned()));
        }
        counts_fit(&manifest.label_counts, &manifest.network.heads)
            .map_err(|e| damaged(MANIFEST, e))?;
        Ok(Bundle {
            id: sha256(&manifest_bytes)[..12].to_owned(),
            manifest,
            network,
            vocabulary,
            dictionary,
            calibration,
            reference,
        })
    }

    /// The same model with other limits: another bundle, with an id of its own.
    pub fn with_calibration(&self, calibration: Calibration) -> Result<(Bundle, Files)> {
        Bundle::new(
            self.manifest.clone(),
            self.network.clone(),
            self.vocabulary.clone(),
            self.dictionary.clone(),
            calibration,
            self.reference.clone(),
        )
    }

    /// Judges as for a site with another class mix; the id then names the prior too.
    pub fn set_prior(&mut self, prior: &Prior) -> Result<()> {
        let heads = &self.manifest.network.heads;
        let shifts = prior.shifts(heads, &self.calibration, &self.manifest.label_counts)?;
        self.network.shift_bias(&shifts);
        self.id = with_prior(&self.id, prior);
        Ok(())
    }

    /// First twelve hex digits of the manifest's SHA-256: names weights, data, labels and thresholds at once.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub fn dictionary(&self) -> &str {
        &self.dictionary
    }

    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// What its calibration rows look like to it.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }
}

/// The kind that a manifest of an encoder bundle names; a fast one names none.
const ENCODER: &str = "encoder";

fn kind_of(manifest_bytes: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(manifest_bytes).ok()?;
    Some(value.get("kind")?.as_str()?.to_owned())
}

/// Counts may be missing as a whole, but not in part.
fn counts_fit(counts: &[LabelCounts], heads: &[HeadSpec]) -> Result<(), String> {
    let fits = counts.len() == heads.len()
        && counts
            .iter()
            .zip(heads)
            .all(|(c, h)| c.by_label.len() == h.labels.len());
    if counts.is_empty() || fits {
        Ok(())
    } else {
        Err("label_counts: not one number per label".to_owned())
    }
}

/// Whether `dir` says that it is an encoder bundle.
pub fn is_encoder(dir: &Path) -> bool {
    std::fs::read(dir.join(MANIFEST)).is_ok_and(|b| kind_of(&b).as_deref() == Some(ENCODER))
}

fn with_prior(id: &str, prior: &Prior) -> String {
    format!("{id}+prior.{}", &prior.sha256()[..8])
}

/// The bytes of a bundle's files, ready to be written.
pub struct Files(BTreeMap<&'static str, Vec<u8>>);

impl Files {
    /// Writes a new folder beside `dir` and puts it in its place; an existing bundle is replaced only when asked.
    pub fn write(&self, dir: &Path, replace: bool) -> Result<()> {
        if dir.exists() && !replace {
            return Err(Error::Usage(format!(
                "{}: exists already: choose another --out, or add --force",
                dir.display()
            )));
        }
        let parent = dir.parent().unwrap_or(Path::new("."));
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let fresh = parent.join(format!(".{name}.new"));
        let old = parent.join(format!(".{name}.old"));
        let failed = |what| move |e| Error::io(dir, what, e);
        std::fs::create_dir_all(parent).map_err(failed("its parent cannot be made"))?;
        for left in [&fresh, &old] {
            if left.exists() {
                std::fs::remove_dir_all(left).map_err(failed("a leftover cannot be removed"))?;
            }
        }
        std::fs::create_dir(&fresh).map_err(failed("cannot be made"))?;
        for (name, bytes) in &self.0 {
            let path = fresh.join(name);
            let written =
                std::fs::write(&path, bytes).and_then(|()| std::fs::File::open(&path)?.sync_all());
            if let Err(e) = written {
                let _ = std::fs::remove_dir_all(&fresh);
                return Err(Error::io(dir, "cannot be written", e));
            }
        }
        if dir.exists() {
            std::fs::rename(dir, &old).map_err(failed("cannot be replaced"))?;
        }
        std::fs::rename(&fresh, dir).map_err(failed("cannot be put in place"))?;
        if old.exists() {
            std::fs::remove_dir_all(&old).map_err(failed("the old bundle cannot be removed"))?;
        }
        Ok(())
    }
}

fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::Failed(format!("the bundle cannot be written: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The widest instruction set that candle's kernels would choose here.
pub fn cpu_class() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            (
                "avx2+fma",
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma"),
            ),
        ];
        let best = found.iter().find(|(_, has)| *has).map_or("sse2", |f| f.0);
        format!("x86_64 {best}")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH.to_owned()
    }
}
