//! The options of `xiaobao train`.

use std::path::PathBuf;

use clap::Args;

use super::desk::LabelledArgs;
use crate::decide::Precision;
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::jobs::train::TrainOptions;
use crate::jobs::{EncoderStart, EncoderTraining, HeadColumn};
use crate::model::encoder::{EncoderFit, Freeze, NewEncoder, Pooling, WindowSpec};
use crate::model::{FitOptions, RowStep};

#[derive(Debug, Args)]
struct EncoderArgs {
    /// Fine-tune the BERT encoder in this folder (config.json, model.safetensors, tokenizer.json or vocab.txt)
    #[arg(long, value_name = "DIR", conflicts_with = "encoder_new")]
    encoder: Option<PathBuf>,
    /// Train an encoder from nothing, e.g. layers=2,hidden=128,heads=2,inner=512,positions=256,min-count=2
    #[arg(long, value_name = "SHAPE")]
    encoder_new: Option<NewEncoder>,
    /// Lower layers that stay as they are, embeddings with them; `all` teaches the heads alone
    #[arg(long, value_name = "N|all", default_value = "0")]
    encoder_layers_frozen: Freeze,
    #[arg(long, default_value_t = EncoderFit::default().epochs)]
    encoder_epochs: usize,
    /// Texts of a step
    #[arg(long, default_value_t = EncoderFit::default().batch)]
    encoder_batch: usize,
    /// Of the encoder's layers; from nothing 0.001 suits
    #[arg(long, default_value_t = EncoderFit::default().learning_rate)]
    encoder_learning_rate: f64,
    /// Of the heads
    #[arg(long, default_value_t = EncoderFit::default().heads_learning_rate)]
    encoder_heads_learning_rate: f64,
    /// How a window's tokens become one vector
    #[arg(long, value_enum, default_value_t)]
    encoder_pooling: Pooling,
    /// Tokens of a window; longer texts are cut into several
    #[arg(long, value_name = "TOKENS", default_value_t = WindowSpec::default().tokens)]
    encoder_window: usize,
    /// Tokens that neighbouring windows share
    #[arg(long, value_name = "TOKENS", default_value_t = WindowSpec::default().overlap)]
    encoder_overlap: usize,
    /// Windows of one text at most
    #[arg(long, value_name = "N", default_value_t = WindowSpec::default().most)]
    encoder_windows: usize,
}

impl EncoderArgs {
    /// `fit`: what both tiers share, seed and smoothing.
    fn training(self, fit: &FitOptions) -> Result<Option<EncoderTraining>> {
        let start = match (self.encoder, self.encoder_new) {
            (Some(dir), _) => EncoderStart::Folder(dir),
            (None, Some(new)) => EncoderStart::New(new),
            (None, None) => return Ok(None),
        };
        let wrong = |what: &str| Err(Error::Usage(what.to_owned()));
        if self.encoder_epochs == 0 || self.encoder_batch == 0 {
            return wrong("--encoder-epochs and --encoder-batch: at least 1");
        }
        let rates = [self.encoder_learning_rate, self.encoder_heads_learning_rate];
        if rates.iter().any(|r| !(*r > 0.0 && *r < 1.0)) {
            return wrong("--encoder-learning-rate and its like: between 0 and 1");
        }
        if self.encoder_layers_frozen != Freeze::Lower(0) && matches!(start, EncoderStart::New(_)) {
            return wrong("--encoder-layers-frozen: a new encoder has nothing to keep");
        }
        Ok(Some(EncoderTraining {
            start,
            fit: EncoderFit {
                seed: fit.seed,
                epochs: self.encoder_epochs,
                batch: self.encoder_batch,
                learning_rate: self.encoder_learning_rate,
                heads_learning_rate: self.encoder_heads_learning_rate,
                frozen: self.encoder_layers_frozen,
                smoothing: fit.smoothing,
                ..EncoderFit::default()
            },
            pooling: self.encoder_pooling,
            window: WindowSpec {
                tokens: self.encoder_window,
                overlap: self.encoder_overlap,
                most: self.encoder_windows,
            },
        }))
    }
}

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Labelled files, or folders of them
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Folder of the new bundle
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace an existing bundle
    #[arg(long)]
    force: bool,
    /// Folder of tables (labels, masking, dictionary)
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Label column to learn, COLUMN or COLUMN=HEAD; without it type, reason, urgency and flags
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Begin with the weights of a bundle, whatever its labels; its features and widths are taken over
    #[arg(long, value_name = "DIR", conflicts_with_all = ["encoder", "encoder_new"])]
    init: Option<PathBuf>,
    /// Share of rows held out for calibration, where the folder has no voices.toml
    #[arg(long, default_value_t = 0.1)]
    holdout: f64,
    /// Precision asked of the automatic band
    #[arg(long, default_value_t = Precision::default().auto)]
    auto_precision: f32,
    /// Precision asked of the first three suggestions
    #[arg(long, default_value_t = Precision::default().suggest)]
    suggest_precision: f32,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten, next_help_heading = "Encoder tier")]
    encoder: EncoderArgs,
    #[command(flatten)]
    source: LabelledArgs,
}

#[derive(Debug, Args)]
pub(super) struct FitArgs {
    #[arg(long, default_value_t = FitOptions::default().seed)]
    seed: u64,
    /// Networks trained from different seeds and folded into one
    #[arg(long, default_value_t = FitOptions::default().members)]
    members: usize,
    #[arg(long, default_value_t = FitOptions::default().epochs)]
    epochs: usize,
    #[arg(long, default_value_t = FitOptions::default().batch)]
    batch: usize,
    /// Width of an embedding row, a multiple of 8
    #[arg(long, default_value_t = FitOptions::default().dim)]
    dim: usize,
    /// Width of the hidden layer, 0 for none
    #[arg(long, default_value_t = FitOptions::default().hidden)]
    hidden: usize,
    #[arg(long, default_value_t = FitOptions::default().learning_rate)]
    learning_rate: f64,
    /// How embedding rows learn; if not given adam with --init or below 1,000 rows, else plain. Adam also suits texts of one sentence
    #[arg(long, value_enum)]
    rows: Option<RowStep>,
    /// Share of features left out at each visit
    #[arg(long, default_value_t = FitOptions::default().dropout)]
    dropout: f32,
    /// Label smoothing
    #[arg(long, default_value_t = FitOptions::default().smoothing)]
    smoothing: f32,
    /// Standard deviation of the first embedding rows
    #[arg(long, default_value_t = FitOptions::default().spread)]
    spread: f32,
    /// Weight decay
    #[arg(long, default_value_t = FitOptions::default().decay)]
    decay: f64,
    /// Longest word n-gram, 1 or 2
    #[arg(long, default_value_t = FeatureSpec::default().word_ngram)]
    word_ngram: u8,
    /// Longest character n-gram, 0 to 4
    #[arg(long, default_value_t = FeatureSpec::default().char_ngram)]
    char_ngram: u8,
    /// Leave the concepts of lexicon.toml out
    #[arg(long)]
    no_lexicon: bool,
    /// Leave the signals of rules, demands, products and numbers out
    #[arg(long)]
    no_signals: bool,
    /// Weigh rare features like frequent ones
    #[arg(long)]
    no_idf: bool,
    /// A feature must stand in at least this many texts
    #[arg(long, default_value_t = FeatureSpec::default().min_count)]
    min_count: u32,
    /// Features kept, the most frequent first
    #[arg(long, default_value_t = FeatureSpec::default().max_features)]
    max_features: usize,
}

impl FitArgs {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::Usage(what.to_owned()));
        if self.dim == 0 || !self.dim.is_multiple_of(8) || self.dim > 1024 {
            return wrong("--dim: a multiple of 8 up to 1024");
        }
        if !self.hidden.is_multiple_of(8) || self.hidden > 4096 {
            return wrong("--hidden: a multiple of 8 up to 4096, or 0");
        }
        if self.members == 0 || self.members > 16 {
            return wrong("--members: 1 to 16");
        }
        if self.batch == 0 || self.epochs == 0 {
            return wrong("--batch and --epochs: at least 1");
        }
        if !(0.0..1.0).contains(&self.dropout) || !(0.0..1.0).contains(&self.smoothing) {
            return wrong("--dropout and --smoothing: in 0..1");
        }
        if !(1..=2).contains(&self.word_ngram) || self.char_ngram > 4 {
            return wrong("--word-ngram: 1 or 2; --char-ngram: 0 to 4");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate < 1.0) {
            return wrong("--learning-rate: between 0 and 1");
        }
        Ok(())
    }

    pub(super) fn options(&self) -> (FeatureSpec, FitOptions) {
        let features = FeatureSpec {
            word_ngram: self.word_ngram,
            char_ngram: self.char_ngram,
            lexicon: !self.no_lexicon,
            signals: !self.no_signals,
            idf: !self.no_idf,
            min_count: self.min_count,
            max_features: self.max_features,
        };
        let fit = FitOptions {
            seed: self.seed,
            members: self.members,
            epochs: self.epochs,
            batch: self.batch,
            dim: self.dim,
            hidden: self.hidden,
            learning_rate: self.learning_rate,
            rows: self.rows,
            dropout: self.dropout,
            smoothing: self.smoothing,
            spread: self.spread,
            decay: self.decay,
        };
        (features, fit)
    }
}

impl TrainArgs {
    pub(super) fn options(self) -> Result<TrainOptions> {
        self.fit.check()?;
        let (features, fit) = self.fit.options();
        Ok(TrainOptions {
            inputs: self.inputs,
            out: self.out,
            force: self.force,
            data: self.data,
            source: self.source.options()?,
            heads: self.head,
            features,
            encoder: self.encoder.training(&fit)?,
            fit,
            precision: Precision {
                auto: self.auto_precision,
                suggest: self.suggest_precision,
            },
            init: self.init,
            holdout: self.holdout,
        })
    }
}
