//! The command line: argv to the options of a job. No logic beyond that.

mod desk;
mod labels;
mod models;
#[cfg(feature = "serve")]
mod keys;
#[cfg(feature = "serve")]
mod serve;
mod train;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand};

use crate::error::{Error, Result};
use crate::jobs::{self, Outcome};
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
    Train(train::TrainArgs),
    /// 标注核查：找出可能标错的标签，列成可在 Excel 里逐条判断的清单
    LabelAudit(labels::LabelAuditArgs),
    /// 选题：从未标注的投诉里挑出最值得先标的
    Suggest(labels::SuggestArgs),
    /// 评估：标注文件和模型包进，逐类指标出
    Evaluate(desk::EvaluateArgs),
    /// 比较：新旧两个模型包在同一批数据上哪里变好、哪里变差，队列和时限会怎样变
    Compare(models::CompareArgs),
    /// 上线：守卫条件都成立才用新包替换在用的包；记录谁、何时、为何和当时的数字，可撤销
    Promote(models::PromoteArgs),
    /// 门槛：多高的把握才自动办，能自动多少；为准确率、人手或紧急召回的承诺设门槛
    Thresholds(models::ThresholdsArgs),
    /// 漂移：新来的投诉和模型当初见过的还像不像；不用标注估计准确率；可加入词典的新词
    Drift(models::DriftArgs),
    /// 解释：一条投诉，为什么这样判
    Explain(ExplainArgs),
    /// 检查：全部配置表、规则、模板与模型包
    Check(desk::CheckArgs),
    /// 查看：模型包的来历，或一个输入文件被读成什么样（已脱敏）
    Inspect(InspectArgs),
    /// 服务：同样的决定，经 HTTP 逐条或成批给出；附一页可以粘贴投诉的网页
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    /// 密钥：谁可以调用服务；新增、列出、作废
    #[cfg(feature = "serve")]
    Keys(keys::KeysArgs),
    /// 核验：一次运行的结果是否原样、每条输入是否都有着落
    Audit(AuditArgs),
    /// 重算：从当时的输入把一条决定再推一遍，逐字节比对
    Replay(ReplayArgs),
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
    /// Labelled file or folder: show the texts there that are most like this one, with their labels
    #[arg(long, value_name = "PATH")]
    rows: Vec<PathBuf>,
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
        Command::Train(a) => jobs::train::run(&a.options()?),
        Command::LabelAudit(a) => a.run(),
        Command::Suggest(a) => jobs::suggest::run(&a.options()?),
        Command::Evaluate(a) => jobs::evaluate::run(&a.options()?),
        Command::Compare(a) => jobs::compare::run(&a.options()?),
        Command::Promote(a) => a.run(),
        Command::Thresholds(a) => jobs::thresholds::run(&a.options()?),
        Command::Drift(a) => jobs::drift::run(&a.options()?),
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
                rows: a.rows,
                colour: std::io::IsTerminal::is_terminal(&std::io::stdout())
                    && std::env::var_os("NO_COLOR").is_none(),
            })
        }
        Command::Check(a) => jobs::check::run(&a.options()?),
        #[cfg(feature = "serve")]
        Command::Serve(a) => crate::serve::run(a.options()).map(|()| Outcome::Done),
        #[cfg(feature = "serve")]
        Command::Keys(a) => jobs::keys::run(&a.options()),
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
