//! An encoder bundle's folder to and from an `EncoderBundle`: manifest, weights, tokenizer, config, calibration.
//! Law: as for the fast bundle; a folder of another kind, version, hash or shape is refused with the reason.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::{
    CALIBRATION, ENCODER, Files, MANIFEST, VOCABULARY, WEIGHTS, counts_fit, pretty, with_prior,
};
use crate::decide::{Calibration, LabelCounts, Prior};
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::model::encoder::{Encoder, EncoderConfig, EncoderFit, EncoderSpec};

/// Raised with every change of an encoder bundle's files or of how a text is read.
pub const ENCODER_FORMAT_VERSION: u32 = 1;

const CONFIG: &str = "config.json";
/// Files beside the manifest, and the most bytes that each may have.
const FILES: [(&str, u64); 4] = [
    (CALIBRATION, 16 << 20),
    (CONFIG, 1 << 20),
    (WEIGHTS, 3 << 30),
    (VOCABULARY, 64 << 20),
];

/// What the bundle is and how it came to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderManifest {
    pub format_version: u32,
    /// Always `encoder`.
    pub kind: String,
    /// Version of the program that wrote it.
    pub xiaobao: String,
    pub encoder: EncoderSpec,
    pub training: EncoderFit,
    /// SHA-256 over the labelled rows in order.
    pub data_sha256: String,
    pub n_train: usize,
    pub n_calibration: usize,
    /// Labels among the training rows, by head.
    pub label_counts: Vec<LabelCounts>,
    /// Instruction sets in force when it was trained.
    pub cpu_class: String,
    /// Figures on the calibration split, by head.
    pub metrics: BTreeMap<String, BTreeMap<String, f64>>,
    /// SHA-256 of each other file.
    pub files: BTreeMap<String, String>,
}

/// A fine-tuned encoder with everything around it.
#[derive(Debug)]
pub struct EncoderBundle {
    manifest: EncoderManifest,
    encoder: Encoder,
    calibration: Calibration,
    id: String,
}

impl EncoderBundle {
    /// `kind`, `format_version`, `xiaobao`, `encoder` and `files` of `manifest` are filled here.
    pub fn new(
        mut manifest: EncoderManifest,
        encoder: Encoder,
        calibration: Calibration,
    ) -> Result<(EncoderBundle, Files)> {
        let failed = |e: String| Error::Failed(format!("the bundle cannot be written: {e}"));
        let tensors = encoder.to_tensors().map_err(|e| failed(e.to_string()))?;
        let weights = safetensors::serialize(tensors, None).map_err(|e| failed(e.to_string()))?;
        let json = encoder.tokenizer_json().map_err(failed)?;
        let files = BTreeMap::from([
            (WEIGHTS, weights),
            (VOCABULARY, json.into_bytes()),
            (CONFIG, pretty(&encoder.spec().config)?),
            (CALIBRATION, pretty(&calibration)?),
        ]);
        manifest.format_version = ENCODER_FORMAT_VERSION;
        manifest.kind = ENCODER.to_owned();
        manifest.xiaobao = env!("CARGO_PKG_VERSION").to_owned();
        manifest.encoder = encoder.spec().clone();
        manifest.files = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), sha256(bytes)))
            .collect();
        let mut files = Files(files);
        let bytes = pretty(&manifest)?;
        let id = sha256(&bytes)[..12].to_owned();
        files.0.insert(MANIFEST, bytes);
        let bundle = EncoderBundle {
            manifest,
            encoder,
            calibration,
            id,
        };
        Ok((bundle, files))
    }

    /// Reads and checks a folder.
    pub fn load(dir: &Path) -> Result<EncoderBundle> {
        const AGAIN: &str = "restore the folder, or train it again with `xiaobao train --encoder`";
        const NAME: &str = "name an encoder bundle, or make one with `xiaobao train --encoder`";
        let refuse = |what: String, mend: &str| Error::Bundle {
            path: dir.to_owned(),
            what,
            mend: mend.to_owned(),
        };
        let damaged = |name: &str, e: String| refuse(format!("{name} is damaged ({e})"), AGAIN);
        let read = |name: &str, most: u64| {
            let path = dir.join(name);
            let unreadable = |e| refuse(format!("{name} cannot be read ({e})"), NAME);
            let size = std::fs::metadata(&path).map_err(unreadable)?.len();
            if size > most {
                return Err(damaged(name, format!("{size} bytes, more than {most}")));
            }
            std::fs::read(&path).map_err(unreadable)
        };
        let manifest_bytes = read(MANIFEST, 16 << 20)?;
        // Kind and version are read first: another kind or a later format may have other fields.
        let value: serde_json::Value = serde_json::from_slice(&manifest_bytes)
            .map_err(|e| damaged(MANIFEST, e.to_string()))?;
        if value.get("kind").and_then(serde_json::Value::as_str) != Some(ENCODER) {
            return Err(refuse("is no encoder bundle".to_owned(), NAME));
        }
        match value
            .get("format_version")
            .and_then(serde_json::Value::as_u64)
        {
            Some(v) if v == u64::from(ENCODER_FORMAT_VERSION) => {}
            Some(v) => {
                return Err(refuse(
                    format!(
                        "encoder format version {v}, this program reads {ENCODER_FORMAT_VERSION}"
                    ),
                    "train it again, or use the program that wrote it",
                ));
            }
            None => return Err(damaged(MANIFEST, "no format_version".to_owned())),
        }
        let manifest: EncoderManifest =
            serde_json::from_value(value).map_err(|e| damaged(MANIFEST, e.to_string()))?;
        let mut checked = BTreeMap::new();
        for (name, most) in FILES {
            let bytes = read(name, most)?;
            if manifest.files.get(name) != Some(&sha256(&bytes)) {
                return Err(refuse(
                    format!("{name} is not the file that the manifest describes"),
                    AGAIN,
                ));
            }
            checked.insert(name, bytes);
        }
        let config =
            EncoderConfig::parse(&checked[CONFIG]).map_err(|(what, mend)| refuse(what, mend))?;
        if config != manifest.encoder.config {
            return Err(refuse(
                format!("{CONFIG} and {MANIFEST} describe different encoders"),
                AGAIN,
            ));
        }
        let calibration: Calibration = serde_json::from_slice(&checked[CALIBRATION])
            .map_err(|e| damaged(CALIBRATION, e.to_string()))?;
        if calibration.heads.len() != manifest.encoder.heads.len() {
            return Err(damaged(CALIBRATION, "not one entry per head".to_owned()));
        }
        if manifest.label_counts.is_empty() {
            return Err(damaged(MANIFEST, "label_counts: none".to_owned()));
        }
        counts_fit(&manifest.label_counts, &manifest.encoder.heads)
            .map_err(|e| damaged(MANIFEST, e))?;
        let tensors = candle_core::safetensors::load_buffer(&checked[WEIGHTS], &Device::Cpu)
            .map_err(|e| damaged(WEIGHTS, e.to_string()))?;
        let encoder = Encoder::from_parts(manifest.encoder.clone(), &checked[VOCABULARY], tensors)
            .map_err(|e| refuse(format!("does not fit together: {e}"), AGAIN))?;
        Ok(EncoderBundle {
            id: sha256(&manifest_bytes)[..12].to_owned(),
            manifest,
            encoder,
            calibration,
        })
    }

    /// Judges as for a site with another class mix; the id then names the prior too.
    pub fn set_prior(&mut self, prior: &Prior) -> Result<()> {
        let heads = &self.manifest.encoder.heads;
        let shifts = prior.shifts(heads, &self.calibration, &self.manifest.label_counts)?;
        self.encoder.shift_bias(&shifts);
        self.id = with_prior(&self.id, prior);
        Ok(())
    }

    /// First twelve hex digits of the manifest's SHA-256.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn manifest(&self) -> &EncoderManifest {
        &self.manifest
    }

    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }
}
