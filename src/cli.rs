//! The command line: argv to the options of a job. No logic beyond that.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand};

use crate::decide::Precision;
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::jobs::{self, EncoderStart, EncoderTraining, HeadColumn, Outcome};
use crate::model::encoder::{EncoderFit, Freeze, NewEncoder, Pooling, WindowSpec};
use crate::model::{FitOptions, RowStep};
use crate::source::{Encoding, Limits, SourceOptions, line_columns};

/// 消保：把金融消费投诉变成有据可查的处理决定（类型、原因、紧急等级、队列、法定时限、处理单）。
#[derive(Debug, Parser)]
#[command(name = "xiaobao", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Number of threads; all cores if not given. The output is the same for any number.
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
}

const AFTER: &str = "\
示例
  xiaobao triage data/samples/complaints.csv --out out     批量分办，结果写入 out/
  xiaobao triage - < calls.jsonl                           逐行过滤：JSON Lines 进，JSON Lines 出
  xiaobao explain \"信用卡没到账的还款又被催收\"               看一条投诉为什么这样判
  xiaobao train data/complaints --out models/mine          用标注数据训练模型
  xiaobao evaluate data/complaints --split test            逐类指标、混淆矩阵、错例

退出码  0 全部完成 · 1 完成但有记录被拒收 · 2 用法或配置有误 · 3 失败，不留半成品 · 4 被中断";

#[derive(Debug, Subcommand)]
enum Command {
    /// 分办：投诉文件进，决定、工单队列、处理单、拒收清单和汇总出
    Triage(TriageArgs),
    /// 训练：标注文件进，模型包出
    Train(TrainArgs),
    /// 评估：标注文件和模型包进，逐类指标出
    Evaluate(EvaluateArgs),
    /// 解释：一条投诉，为什么这样判
    Explain(ExplainArgs),
    /// 检查：全部配置表、规则、模板与模型包
    Check(CheckArgs),
    /// 查看：模型包的来历，或一个输入文件被读成什么样（已脱敏）
    Inspect(InspectArgs),
    /// 服务：同样的决定，经 HTTP 逐条或成批给出；附一页可以粘贴投诉的网页
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// 核验：一次运行的结果是否原样、每条输入是否都有着落
    Audit(AuditArgs),
    /// 重算：从当时的输入把一条决定再推一遍，逐字节比对
    Replay(ReplayArgs),
}

#[cfg(feature = "serve")]
#[derive(Debug, Args)]
struct ServeArgs {
    /// Address and port; only this machine's own
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// Longest body of one complaint
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_body_bytes: usize,
    /// Longest text of one complaint
    #[arg(long, value_name = "CHARS", default_value_t = 50_000)]
    max_text_chars: usize,
    /// Records of one batch
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_batch_rows: u64,
    /// Requests decided at a time; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_concurrent: usize,
    /// Time for one complaint, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout_ms: u64,
    /// No line on stderr for each request
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tier: TierArgs,
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// Folder of the results of a run
    dir: PathBuf,
    /// Folder that the runs shared: the chain of manifests there must hold this one
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// Id of the complaint
    id: String,
    /// Folder of the results of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Folder of the tables of that time, if it is not where the manifest says
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the bundle of that time, if it is not where the manifest says
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Labelled files, or folders of them: doubles, near-doubles, openings, labels, counts
    inputs: Vec<PathBuf>,
    /// End with exit code 1 if labelled files have findings
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Folder of tables, rules and templates
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Folder of the model bundle
    #[arg(long, default_value = "models/default", value_name = "DIR")]
    model: PathBuf,
}

#[derive(Debug, Args)]
struct SourceArgs {
    /// Encoding of the inputs, instead of finding it out
    #[arg(long)]
    encoding: Option<Encoding>,
    /// Delimiter of CSV inputs, one of `,` `;` `|` or `tab`, instead of finding it out
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<u8>,
    /// Read a column as id, text, channel, received_at or events, e.g. 投诉描述=text
    #[arg(long, value_name = "COLUMN=ROLE")]
    map: Vec<String>,
    /// Longest record; a longer one is rejected
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_record_bytes)]
    max_record_bytes: usize,
}

fn delimiter(written: &str) -> std::result::Result<u8, String> {
    match written {
        "," | "comma" => Ok(b','),
        ";" | "semicolon" => Ok(b';'),
        "|" | "bar" => Ok(b'|'),
        "\t" | "tab" | "\\t" => Ok(b'\t'),
        _ => Err("use one of `,` `;` `|` or `tab`".to_owned()),
    }
}

impl SourceArgs {
    fn options(self) -> SourceOptions {
        SourceOptions {
            encoding: self.encoding,
            delimiter: self.delimiter,
            map: self.map,
            limits: Limits {
                max_record_bytes: self.max_record_bytes.max(1024),
            },
            ..SourceOptions::default()
        }
    }
}

#[derive(Debug, Args)]
struct TriageArgs {
    /// CSV, TSV, JSON Lines, .xlsx or Parquet files, also packed by gzip or zstd; folders of them, patterns; `-` for standard input
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Folder for the results; without it JSON Lines go to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Form of the decisions file
    #[arg(long, value_enum, default_value_t)]
    format: jobs::triage::Format,
    /// Form of the work lists
    #[arg(long, value_enum, default_value_t)]
    lists: jobs::triage::Lists,
    /// Read and decide everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace the results of an earlier run in --out
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Go on with a run that was interrupted; one that is complete stays as it is
    #[arg(long)]
    resume: bool,
    /// Rows between two checkpoints; one is also made every 20 seconds
    #[arg(long, value_name = "N", default_value_t = jobs::triage::CHECKPOINT_ROWS, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_rows: u64,
    /// End with an error when more records are rejected: a number, or a share like 0.5%
    #[arg(long, value_name = "N|P%")]
    max_rejects: Option<jobs::triage::MaxRejects>,
    /// Folder that the runs of all nights share: complaints told before and waves are found by it, manifests linked
    #[arg(long, value_name = "DIR", requires = "out")]
    store: Option<PathBuf>,
    /// The night that the run belongs to, with --store; the latest day of receipt if not given
    #[arg(long, value_name = "DATE", requires = "store")]
    night: Option<jiff::civil::Date>,
    /// Filter of tab-separated lines without header, as Hive's TRANSFORM hands them over: the columns that come in,
    /// e.g. id,text,_,channel (`_` is not read); one line goes out for each line that comes in, with the cells id, type,
    /// reason, urgency, flags, band, queue, template, type_prob, due_now, handle_by, demands, masked_text, bundle, reject
    #[arg(long, value_name = "COLUMNS", conflicts_with = "out")]
    tsv: Option<String>,
    /// How the run says how far it is
    #[arg(long, value_enum, default_value_t)]
    progress: jobs::triage::Progress,
    /// Say nothing on stderr but errors
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tier: TierArgs,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Args)]
struct TierArgs {
    /// Encoder bundle that judges what the fast model leaves below `auto`
    #[arg(long, value_name = "DIR")]
    cascade: Option<PathBuf>,
    /// The site's class mix, CSV `head,label,share` or TOML, where it is not that of the training texts
    #[arg(long, value_name = "FILE")]
    prior: Option<PathBuf>,
}

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
struct TrainArgs {
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
    source: SourceArgs,
}

#[derive(Debug, Args)]
struct FitArgs {
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
    /// How embedding rows learn; adam suits short texts of one sentence
    #[arg(long, value_enum, default_value_t = FitOptions::default().rows)]
    rows: RowStep,
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
    fn check(&self) -> Result<()> {
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

    fn options(&self) -> (FeatureSpec, FitOptions) {
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

#[derive(Debug, Args)]
struct EvaluateArgs {
    /// Labelled files, or folders of them
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Label column to score, COLUMN or COLUMN=HEAD
    #[arg(long, value_name = "COLUMN[=HEAD]")]
    head: Vec<HeadColumn>,
    /// Only the rows of one split of voices.toml
    #[arg(long, value_enum)]
    split: Option<jobs::Split>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the rows with a wrong label, masked, as CSV
    #[arg(long, value_name = "FILE")]
    bad_cases: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    tier: TierArgs,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The complaint's text; `-` reads it from standard input
    text: String,
    /// How it came in, e.g. hotline or 监管转办
    #[arg(long)]
    channel: Option<String>,
    /// When it was received, e.g. 2026-03-01
    #[arg(long)]
    received_at: Option<String>,
    /// Also show the filled handling sheet
    #[arg(long)]
    sheet: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// A bundle's folder, or an input file
    path: PathBuf,
    /// Records of an input to show
    #[arg(long, default_value_t = 5)]
    records: usize,
    /// Folder of tables
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    source: SourceArgs,
}

/// Set by the first SIGINT or SIGTERM; the second ends the program at once.
fn stopped_by_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let code = i32::from(Error::Interrupted.exit_code());
        signal_hook::flag::register_conditional_shutdown(signal, code, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .map_err(|e| Error::Failed(format!("signals cannot be listened to: {e}")))?;
    }
    Ok(stop)
}

/// Runs what `cli` asks for.
pub fn run(cli: Cli) -> Result<Outcome> {
    if let Some(n) = cli.threads {
        if n == 0 || n > 1024 {
            return Err(Error::Usage("--threads: 1 to 1024".to_owned()));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build_global()
            .map_err(|e| Error::Failed(format!("threads cannot be started: {e}")))?;
    }
    match cli.command {
        Command::Triage(a) => {
            let lines = a.tsv.as_deref().map(line_columns).transpose();
            jobs::triage::run(&jobs::triage::TriageOptions {
                inputs: a.inputs,
                stop: match a.out {
                    Some(_) => stopped_by_signals()?,
                    None => Arc::default(),
                },
                out: a.out,
                format: a.format,
                lists: a.lists,
                data: a.place.data,
                model: a.place.model,
                cascade: a.tier.cascade,
                prior: a.tier.prior,
                source: SourceOptions {
                    lines: lines.map_err(|e| Error::Usage(format!("--tsv: {e}")))?,
                    ..a.source.options()
                },
                dry_run: a.dry_run,
                force: a.force,
                resume: a.resume,
                checkpoint_rows: Some(a.checkpoint_rows),
                max_rejects: a.max_rejects,
                store: a.store,
                night: a.night,
                progress: match (a.quiet, a.progress) {
                    (true, jobs::triage::Progress::Bar) => jobs::triage::Progress::None,
                    (_, how) => how,
                },
                quiet: a.quiet,
            })
        }
        Command::Train(a) => {
            a.fit.check()?;
            let (features, fit) = a.fit.options();
            jobs::train::run(&jobs::train::TrainOptions {
                inputs: a.inputs,
                out: a.out,
                force: a.force,
                data: a.data,
                source: a.source.options(),
                heads: a.head,
                features,
                encoder: a.encoder.training(&fit)?,
                fit,
                precision: Precision {
                    auto: a.auto_precision,
                    suggest: a.suggest_precision,
                },
                holdout: a.holdout,
            })
        }
        Command::Evaluate(a) => jobs::evaluate::run(&jobs::evaluate::EvaluateOptions {
            inputs: a.inputs,
            model: a.place.model,
            cascade: a.tier.cascade,
            prior: a.tier.prior,
            data: a.place.data,
            source: a.source.options(),
            heads: a.head,
            split: a.split,
            json: a.json,
            bad_cases: a.bad_cases,
        }),
        Command::Explain(a) => {
            let text = if a.text == "-" {
                std::io::read_to_string(std::io::Read::take(std::io::stdin(), 1 << 20))
                    .map_err(|e| Error::io("-".as_ref(), "cannot be read as UTF-8", e))?
            } else {
                a.text
            };
            jobs::explain::run(&jobs::explain::ExplainOptions {
                text,
                channel: a.channel,
                received_at: a.received_at,
                data: a.place.data,
                model: a.place.model,
                sheet: a.sheet,
                colour: std::io::IsTerminal::is_terminal(&std::io::stdout())
                    && std::env::var_os("NO_COLOR").is_none(),
            })
        }
        Command::Check(a) => jobs::check::run(&jobs::check::CheckOptions {
            data: a.place.data,
            model: a.place.model,
            inputs: a.inputs,
            source: a.source.options(),
            deny_warnings: a.deny_warnings,
        }),
        #[cfg(feature = "serve")]
        Command::Serve(a) => crate::serve::run(crate::serve::ServeOptions {
            listen: a.listen,
            data: a.place.data,
            model: a.place.model,
            cascade: a.tier.cascade,
            prior: a.tier.prior,
            max_body_bytes: a.max_body_bytes.max(1024),
            max_text_chars: a.max_text_chars,
            max_batch_rows: a.max_batch_rows,
            max_concurrent: a.max_concurrent.clamp(1, 4096),
            timeout: std::time::Duration::from_millis(a.timeout_ms.max(1)),
            access_log: !a.quiet,
        })
        .map(|()| Outcome::Done),
        Command::Audit(a) => jobs::audit::run(&jobs::audit::AuditOptions {
            dir: a.dir,
            store: a.store,
        }),
        Command::Replay(a) => jobs::replay::run(&jobs::replay::ReplayOptions {
            id: a.id,
            dir: a.run,
            data: a.data,
            model: a.model,
        }),
        Command::Inspect(a) => jobs::inspect::run(&jobs::inspect::InspectOptions {
            path: a.path,
            data: a.data,
            source: a.source.options(),
            n_records: a.records,
        }),
    }
}
