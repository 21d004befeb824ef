//! Who waits sees how far the run is: a bar on a terminal, or lines of JSON for a scheduler.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::progress;
use super::Progress;

/// Seconds that each stage was busy; with its share of the time that passed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Busy {
    pub read: Duration,
    pub decide: Duration,
    pub write: Duration,
}

pub(super) struct Watch {
    bar: indicatif::ProgressBar,
    json: bool,
    bytes_total: Option<u64>,
    started: Instant,
    said: Instant,
    /// Rows that an interrupted run had done.
    rows_before: u64,
    rows: u64,
    rejected: u64,
    bytes_before: u64,
    bytes: u64,
    pub busy: Busy,
}

#[derive(Serialize)]
struct Line {
    event: &'static str,
    rows: u64,
    rejected: u64,
    bytes: u64,
    bytes_total: Option<u64>,
    rows_per_s: u64,
    eta_s: Option<u64>,
    busy: Shares,
}

#[derive(Serialize)]
struct Shares {
    read: f64,
    decide: f64,
    write: f64,
}

/// Lines of JSON come no more often than this.
const EVERY: Duration = Duration::from_secs(1);

impl Watch {
    /// `bytes_total`: of all inputs on the disk, where that is known.
    pub fn new(how: Progress, bytes_total: Option<u64>) -> Watch {
        let bar = match how {
            Progress::Bar => progress(
                bytes_total,
                match bytes_total {
                    Some(_) => {
                        "{bar:32} {percent:>3}% {bytes}/{total_bytes} · {msg} · 剩余 {eta} · 已用 {elapsed}"
                    }
                    None => "{spinner} {bytes} · {msg} · 已用 {elapsed}",
                },
            ),
            Progress::Json | Progress::None => indicatif::ProgressBar::hidden(),
        };
        Watch {
            bar,
            json: how == Progress::Json,
            bytes_total,
            started: Instant::now(),
            said: Instant::now(),
            rows_before: 0,
            rows: 0,
            rejected: 0,
            bytes_before: 0,
            bytes: 0,
            busy: Busy::default(),
        }
    }

    /// An interrupted run had come this far.
    pub fn begin_at(&mut self, rows: u64, bytes: u64) {
        self.rows_before = rows;
        self.bytes_before = bytes;
        self.bar.set_position(bytes);
        self.bar.reset_eta();
    }

    /// Rows written and bytes read so far, over the whole run.
    pub fn at(&mut self, rows: u64, rejected: u64, bytes: u64) {
        (self.rows, self.rejected, self.bytes) = (rows, rejected, bytes);
        self.bar.set_position(bytes);
        self.bar.set_message(format!(
            "{rows} 条 · {} 条/秒 · 拒收 {rejected}",
            self.per_second(rows - self.rows_before)
        ));
        if self.json && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            self.say("progress");
        }
    }

    pub fn finish(&mut self) {
        self.bar.finish_and_clear();
        if self.json {
            self.say("read");
        }
    }

    fn per_second(&self, n: u64) -> u64 {
        (n as f64 / self.started.elapsed().as_secs_f64().max(1e-3)) as u64
    }

    fn say(&self, event: &'static str) {
        let passed = self.started.elapsed().as_secs_f64().max(1e-3);
        let share = |busy: Duration| (busy.as_secs_f64() / passed * 100.0).round() / 100.0;
        let speed = self.per_second(self.bytes - self.bytes_before).max(1);
        let line = Line {
            event,
            rows: self.rows,
            rejected: self.rejected,
            bytes: self.bytes,
            bytes_total: self.bytes_total,
            rows_per_s: self.per_second(self.rows - self.rows_before),
            eta_s: self
                .bytes_total
                .map(|total| total.saturating_sub(self.bytes) / speed),
            busy: Shares {
                read: share(self.busy.read),
                decide: share(self.busy.decide),
                write: share(self.busy.write),
            },
        };
        if let Ok(line) = serde_json::to_string(&line) {
            eprintln!("{line}");
        }
    }
}
