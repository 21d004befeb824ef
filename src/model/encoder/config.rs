//! `config.json` of a BERT encoder in, `EncoderConfig` out: the shapes, checked before any weight is read.
//! Law: what this program cannot run as Hugging Face transformers does is refused with the reason.

use serde::{Deserialize, Serialize};

/// The activation between the two layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `x · Φ(x)`, by the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// The tanh approximation.
    #[serde(
        rename = "gelu_new",
        alias = "gelu_pytorch_tanh",
        alias = "gelu_approximate"
    )]
    GeluTanh,
    #[serde(rename = "relu")]
    Relu,
}

/// Everything that fixes an encoder's shapes; the fields of Hugging Face's `BertConfig` that matter here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    pub model_type: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub hidden_act: Activation,
    /// Dropped while fine-tuning, 0..1.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f32,
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f32,
    pub max_position_embeddings: usize,
    pub type_vocab_size: usize,
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn tenth() -> f32 {
    0.1
}

fn epsilon() -> f64 {
    1e-12
}

fn absolute() -> String {
    "absolute".to_owned()
}

/// Bounds that keep a damaged number from asking for the whole memory; BERT-large has 24 layers of 1024.
const MAX_VOCABULARY: usize = 300_000;
const MAX_HIDDEN: usize = 4096;
const MAX_LAYERS: usize = 48;
const MAX_POSITIONS: usize = 8192;

impl EncoderConfig {
    /// Reads and checks the bytes of a `config.json`; the error says what is wrong and how to mend it.
    pub fn parse(bytes: &[u8]) -> Result<EncoderConfig, (String, &'static str)> {
        const RESTORE: &str = "restore the file that came with the encoder";
        let value: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|e| (format!("config.json is not JSON ({e})"), RESTORE))?;
        // The kind is read first: another family has other fields.
        match value.get("model_type").and_then(serde_json::Value::as_str) {
            Some("bert") => {}
            Some(other) => {
                return Err((
                    format!("config.json: model_type `{other}` is not supported"),
                    "use an encoder of model_type `bert` (among them Chinese BERT-wwm, RoBERTa-wwm-ext and MacBERT)",
                ));
            }
            None => {
                return Err(("config.json names no model_type".to_owned(), RESTORE));
            }
        }
        let config: EncoderConfig =
            serde_json::from_value(value).map_err(|e| (format!("config.json: {e}"), RESTORE))?;
        config
            .check()
            .map_err(|what| (format!("config.json: {what}"), RESTORE))?;
        Ok(config)
    }

    /// What is out of bounds, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{name} is {value}, not in {least}..={most}"))
            }
        };
        within("vocab_size", self.vocab_size, 5, MAX_VOCABULARY)?;
        within("hidden_size", self.hidden_size, 1, MAX_HIDDEN)?;
        within("num_hidden_layers", self.num_hidden_layers, 1, MAX_LAYERS)?;
        within("num_attention_heads", self.num_attention_heads, 1, 256)?;
        within(
            "intermediate_size",
            self.intermediate_size,
            1,
            8 * MAX_HIDDEN,
        )?;
        within("type_vocab_size", self.type_vocab_size, 1, 16)?;
        within(
            "max_position_embeddings",
            self.max_position_embeddings,
            16,
            MAX_POSITIONS,
        )?;
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(format!(
                "hidden_size {} is no multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            ));
        }
        if self.position_embedding_type != "absolute" {
            return Err(format!(
                "position_embedding_type `{}` is not supported, only `absolute`",
                self.position_embedding_type
            ));
        }
        for (name, p) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
        ] {
            if !(0.0..1.0).contains(&p) {
                return Err(format!("{name} is {p}, not in 0..1"));
            }
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(format!(
                "layer_norm_eps is {}, not in 0..1",
                self.layer_norm_eps
            ));
        }
        Ok(())
    }

    /// Name and shape of every tensor, in a fixed order; names are those of Hugging Face without `bert.`.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (wide, inner) = (self.hidden_size, self.intermediate_size);
        let mut all = Vec::new();
        let mut put = |name: String, shape: &[usize]| all.push((name, shape.to_vec()));
        for (name, rows) in [
            ("word_embeddings", self.vocab_size),
            ("position_embeddings", self.max_position_embeddings),
            ("token_type_embeddings", self.type_vocab_size),
        ] {
            put(format!("embeddings.{name}.weight"), &[rows, wide]);
        }
        put("embeddings.LayerNorm.weight".to_owned(), &[wide]);
        put("embeddings.LayerNorm.bias".to_owned(), &[wide]);
        for layer in 0..self.num_hidden_layers {
            for (name, out, input) in [
                ("attention.self.query", wide, wide),
                ("attention.self.key", wide, wide),
                ("attention.self.value", wide, wide),
                ("attention.output.dense", wide, wide),
                ("intermediate.dense", inner, wide),
                ("output.dense", wide, inner),
            ] {
                put(
                    format!("encoder.layer.{layer}.{name}.weight"),
                    &[out, input],
                );
                put(format!("encoder.layer.{layer}.{name}.bias"), &[out]);
            }
            for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
                for part in ["weight", "bias"] {
                    put(format!("encoder.layer.{layer}.{name}.{part}"), &[wide]);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> serde_json::Value {
        serde_json::json!({
            "model_type": "bert", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 64, "hidden_act": "gelu",
            "max_position_embeddings": 64, "type_vocab_size": 2, "pooler_type": "ignored"
        })
    }

    fn refused(key: &str, value: serde_json::Value) -> String {
        let mut config = sample();
        config[key] = value;
        match EncoderConfig::parse(config.to_string().as_bytes()) {
            Ok(_) => "accepted".to_owned(),
            Err((what, mend)) => format!("{what}: {mend}"),
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        assert!(EncoderConfig::parse(sample().to_string().as_bytes()).is_ok());
        for (key, value, said) in [
            ("model_type", "t5".into(), "model_type `t5`"),
            ("hidden_act", "swish".into(), "swish"),
            ("hidden_size", 0.into(), "hidden_size is 0"),
            ("hidden_size", 33.into(), "no multiple"),
            ("vocab_size", 10_000_000.into(), "vocab_size"),
            (
                "position_embedding_type",
                "relative_key".into(),
                "relative_key",
            ),
            ("hidden_dropout_prob", 1.5.into(), "hidden_dropout_prob"),
        ] {
            let found = refused(key, value);
            assert!(found.contains(said), "{key}: {found}");
        }
        let (what, _) = EncoderConfig::parse(b"{").expect_err("damaged");
        assert!(what.contains("not JSON"));
    }
}
