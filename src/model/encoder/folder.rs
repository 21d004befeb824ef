//! A site's encoder folder in, `Pretrained` out: `config.json`, `model.safetensors`, `tokenizer.json` or `vocab.txt`.
//! Law: sizes are bounded, every tensor is checked against the config, and each refusal names the file and the remedy.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::Pretrained;
use super::config::EncoderConfig;
use super::layers::is_finite;
use super::tokens::Tokens;
use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
const MAX_CONFIG_BYTES: u64 = MIB;
const MAX_TOKENIZER_BYTES: u64 = 64 * MIB;
/// Twice BERT-large in single precision.
const MAX_WEIGHTS_BYTES: u64 = 3 * 1024 * MIB;

const RESTORE: &str = "restore the file that came with the encoder";

struct Folder<'p> {
    path: &'p Path,
}

impl Folder<'_> {
    fn refuse(&self, what: String, mend: &str) -> Error {
        Error::Bundle {
            path: self.path.to_owned(),
            what,
            mend: mend.to_owned(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn read(&self, name: &str, most_bytes: u64, mend: &str) -> Result<Vec<u8>> {
        let path = self.at(name);
        let unreadable = |e| self.refuse(format!("{name} cannot be read ({e})"), mend);
        let size = std::fs::metadata(&path).map_err(unreadable)?.len();
        if size > most_bytes {
            return Err(self.refuse(
                format!("{name} has {size} bytes, more than {most_bytes}"),
                RESTORE,
            ));
        }
        std::fs::read(&path).map_err(unreadable)
    }
}

impl Pretrained {
    /// Reads and checks a folder as Hugging Face transformers saves it.
    pub fn load(dir: &Path) -> Result<Pretrained> {
        let folder = Folder { path: dir };
        let bytes = folder.read(
            "config.json",
            MAX_CONFIG_BYTES,
            "name the folder of a BERT encoder with --encoder DIR",
        )?;
        let config =
            EncoderConfig::parse(&bytes).map_err(|(what, mend)| folder.refuse(what, mend))?;
        let tokens = tokens(&folder)?;
        if tokens.n_rows() > config.vocab_size {
            return Err(folder.refuse(
                format!(
                    "the tokenizer has {} tokens, config.json says vocab_size {}",
                    tokens.n_rows(),
                    config.vocab_size
                ),
                RESTORE,
            ));
        }
        let mend = if folder.at("pytorch_model.bin").exists() {
            "convert pytorch_model.bin with `model.save_pretrained(dir, safe_serialization=True)` of transformers"
        } else {
            RESTORE
        };
        let bytes = folder.read("model.safetensors", MAX_WEIGHTS_BYTES, mend)?;
        let found = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| folder.refuse(format!("model.safetensors is damaged ({e})"), RESTORE))?;
        drop(bytes);
        let tensors = pick(&config, found)
            .map_err(|what| folder.refuse(format!("model.safetensors: {what}"), RESTORE))?;
        Ok(Pretrained {
            config,
            tokens,
            tensors,
        })
    }
}

fn tokens(folder: &Folder<'_>) -> Result<Tokens> {
    if folder.at("tokenizer.json").exists() {
        let bytes = folder.read("tokenizer.json", MAX_TOKENIZER_BYTES, RESTORE)?;
        return Tokens::from_json(&bytes)
            .map_err(|e| folder.refuse(format!("tokenizer.json is damaged ({e})"), RESTORE));
    }
    let bytes = folder.read(
        "vocab.txt",
        MAX_TOKENIZER_BYTES,
        "put tokenizer.json or vocab.txt of the encoder beside its config.json",
    )?;
    let damaged = |e: String| folder.refuse(format!("vocab.txt is damaged ({e})"), RESTORE);
    let text = String::from_utf8(bytes).map_err(|e| damaged(e.to_string()))?;
    Tokens::from_vocabulary(&text, lowercase(folder)?).map_err(damaged)
}

/// Whether the encoder was trained on lower case: `tokenizer_config.json` says so, and BERT's default is yes.
fn lowercase(folder: &Folder<'_>) -> Result<bool> {
    const NAME: &str = "tokenizer_config.json";
    if !folder.at(NAME).exists() {
        return Ok(true);
    }
    let bytes = folder.read(NAME, MAX_CONFIG_BYTES, RESTORE)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| folder.refuse(format!("{NAME} is damaged ({e})"), RESTORE))?;
    Ok(value
        .get("do_lower_case")
        .and_then(serde_json::Value::as_bool)
        .unwrap_or(true))
}

/// The tensors that the config asks for, in single precision; the pooler and the heads of pre-training are left.
pub(super) fn pick(
    config: &EncoderConfig,
    mut found: HashMap<String, Tensor>,
) -> Result<HashMap<String, Tensor>, String> {
    let mut tensors = HashMap::new();
    for (name, shape) in config.tensors() {
        // TensorFlow's names of the norms, and the prefix of a model with heads.
        let old = name
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        let tensor = [&name, &old]
            .into_iter()
            .find_map(|n| {
                found
                    .remove(n)
                    .or_else(|| found.remove(&format!("bert.{n}")))
            })
            .ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if tensor.dims() != shape {
            return Err(format!(
                "tensor `{name}` has shape {:?}, config.json says {shape:?}",
                tensor.dims()
            ));
        }
        let tensor = tensor.to_dtype(DType::F32).map_err(|e| e.to_string())?;
        if !is_finite(&tensor).map_err(|e| e.to_string())? {
            return Err(format!("tensor `{name}` holds a value that is not finite"));
        }
        tensors.insert(name, tensor);
    }
    Ok(tensors)
}
