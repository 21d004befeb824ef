//! `data/cases.toml` and `data/common_pairs.txt` in, `CaseSettings` out: when two complaints are one case, when many are a wave.
//! Law: all faults are reported together, unknown keys refused. Stands left of `tables`, so that they can hold it;
//! `cases` uses it.

use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::error::Fault;

/// All settings of the room `cases`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSettings {
    /// A retelling is looked for among the tellings of so many days; the store forgets a case so long after its last telling.
    pub window_days: i32,
    /// The longest time a complaint may be handled in, days: after it a retelling is a complaint of its own.
    pub period_days: i32,
    /// Files that spool and store are split into: memory holds one at a time.
    pub partitions: usize,
    pub repeat: RepeatSettings,
    pub novelty: NoveltySettings,
    pub words: CaseWords,
    pub waves: WaveSettings,
    pub joint: JointSettings,
    /// How many bits it tells that two texts share a pair of characters.
    #[serde(skip)]
    pub pairs: PairBits,
}

/// When two tellings of one person are of one matter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatSettings {
    /// Least probability of "the same matter", 0..=1.
    pub limit: f32,
    /// Letters that a text without complainant must have to be linked by its wording.
    pub least_letters: usize,
    /// Logistic weights by the names of `cases::likeness::SIGNALS`.
    pub weights: FxHashMap<String, f32>,
}

/// When a sentence brings a new fact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoveltySettings {
    /// Least probability that a clause is new, 0..=1, to be shown where a restart is proposed.
    pub limit: f32,
    /// The same where none is.
    pub limit_merge: f32,
    /// Least probability, of the surest clause, to propose that the clock restarts.
    pub restart: f32,
    /// Logistic weights by the names of `cases::novelty::SIGNALS`.
    pub weights: FxHashMap<String, f32>,
}

/// Words by which tellings are compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseWords {
    /// Point back to an earlier telling: 上次, 还是那个.
    pub back: Vec<String>,
    /// Say that this is another matter: 这回不是, 另一件.
    pub other: Vec<String>,
    /// What people are called: 经理, 主任.
    pub titles: Vec<String>,
    /// Say when: 昨天, 上周.
    pub times: Vec<String>,
    /// Open a demand: 要求, 必须.
    pub demands: Vec<String>,
    /// Tell what came later: 后来, 结果.
    pub later: Vec<String>,
    /// Name documents and means of proof: 录音, 合同.
    pub proofs: Vec<String>,
}

/// When counts of people are a wave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveSettings {
    /// False alarms a night, all cells together.
    pub false_alarms_per_night: f64,
    /// Fewer people are no wave.
    pub least_people: u32,
    /// Fewer times the expected level are no wave.
    pub least_ratio: f64,
    /// Nights that the expected level is taken from.
    pub history_nights: i32,
    /// Fewer nights of history give no alarm.
    pub least_nights: usize,
    /// After so many nights a night counts half.
    pub half_life_nights: f64,
    /// The rolling sum is over so many nights.
    pub rolling_nights: i32,
}

/// When many people complain as one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointSettings {
    /// People are counted over so many days.
    pub days: i32,
    /// From so many on it is said that the limit is near.
    pub near: u32,
    /// The limit of Order 2020 No. 3, Art. 29.
    pub limit: u32,
    /// The article, as users read it.
    pub article: String,
    /// Channels by which people come in person.
    pub in_person_channels: Vec<String>,
}

/// Bits of information by pair of characters; pairs that the table lacks are rare.
#[derive(Debug, Clone, Default)]
pub struct PairBits {
    bits: FxHashMap<(char, char), f32>,
    /// By character: of its most common pair.
    letters: FxHashMap<char, f32>,
    rare: f32,
}

impl PairBits {
    /// In bits, at least 0.
    pub fn of(&self, pair: (char, char)) -> f32 {
        *self.bits.get(&pair).unwrap_or(&self.rare)
    }

    /// Of one character, about: the bits of its most common pair.
    pub fn letter(&self, c: char) -> f32 {
        *self.letters.get(&c).unwrap_or(&self.rare)
    }
}

impl CaseSettings {
    /// Reads the two files of `dir`; `None` after a fault.
    pub fn load(dir: &Path, faults: &mut Vec<Fault>) -> Option<CaseSettings> {
        let before = faults.len();
        let path = dir.join("cases.toml");
        let mut read = |path: &Path| {
            std::fs::read_to_string(path).unwrap_or_else(|e| {
                let what = format!("cannot be read ({e})");
                faults.push(Fault::new(path, 0, what, "restore the file"));
                String::new()
            })
        };
        let source = read(&path);
        let pairs_path = dir.join("common_pairs.txt");
        let pairs = read(&pairs_path);
        if faults.len() > before {
            return None;
        }
        let mut settings: CaseSettings = toml::from_str(&source)
            .map_err(|e| {
                let mend = "see the comments of the file as it was delivered";
                faults.push(Fault::toml(&path, &source, &e, mend));
            })
            .ok()?;
        settings.pairs = read_pairs(&pairs_path, &pairs, faults);
        settings.check(&path, faults);
        (faults.len() == before).then_some(settings)
    }

    fn check(&self, path: &Path, faults: &mut Vec<Fault>) {
        let n = &self.novelty;
        let probs = [self.repeat.limit, n.limit, n.limit_merge, n.restart];
        let w = &self.waves;
        let wrong = [
            (
                !(1..=366).contains(&self.window_days),
                "window_days",
                "write 1 to 366",
            ),
            (
                !(1..=366).contains(&self.period_days),
                "period_days",
                "write 1 to 366",
            ),
            (
                !(1..=4096).contains(&self.partitions),
                "partitions",
                "write 1 to 4096",
            ),
            (
                probs.iter().any(|p| !(0.0..=1.0).contains(p)),
                "limit or restart",
                "write a probability, 0 to 1",
            ),
            (
                !(w.false_alarms_per_night > 0.0 && w.false_alarms_per_night < 1.0),
                "false_alarms_per_night",
                "write more than 0 and less than 1",
            ),
            (w.least_people < 2, "least_people", "write 2 or more"),
            (
                !(7..=366).contains(&w.history_nights),
                "history_nights",
                "write 7 to 366",
            ),
            (
                w.half_life_nights <= 0.0,
                "half_life_nights",
                "write more than 0",
            ),
            (
                !(1..=31).contains(&w.rolling_nights),
                "rolling_nights",
                "write 1 to 31",
            ),
            (
                !(1..=self.window_days).contains(&self.joint.days),
                "joint.days",
                "write 1 to window_days",
            ),
            (
                self.joint.near > self.joint.limit,
                "joint.near",
                "write at most joint.limit",
            ),
        ];
        for (is_wrong, what, mend) in wrong {
            if is_wrong {
                faults.push(Fault::new(path, 0, format!("{what} is out of range"), mend));
            }
        }
    }
}

/// `texts N`, then `pair count` a line.
fn read_pairs(path: &Path, source: &str, faults: &mut Vec<Fault>) -> PairBits {
    let mut out = PairBits::default();
    let mut n_texts = 1.0;
    for (i, line) in source.lines().enumerate() {
        let parsed = line.split_once(' ').and_then(|(left, right)| {
            let count: f32 = right.trim().parse().ok().filter(|n| *n >= 1.0)?;
            let mut chars = left.chars();
            if i == 0 {
                return (left == "texts").then_some((None, count));
            }
            match (chars.next(), chars.next(), chars.next()) {
                (Some(a), Some(b), None) => Some((Some((a, b)), count)),
                _ => None,
            }
        });
        match parsed {
            Some((None, n)) => n_texts = n,
            Some((Some(pair), n)) => {
                let bits = (n_texts / n).log2().max(0.0);
                out.rare = out.rare.max(bits);
                out.bits.insert(pair, bits);
                for c in [pair.0, pair.1] {
                    let known = out.letters.entry(c).or_insert(bits);
                    *known = known.min(bits);
                }
            }
            None => faults.push(Fault::new(
                path,
                i + 1,
                "is no pair with its count",
                "write `texts N` first, then two characters, a space and the number of texts",
            )),
        }
    }
    // What the table leaves out is at least as rare as the rarest that it has.
    out.rare += 1.0;
    out
}
