//! `xiaobao` (消保): Chinese consumer complaints against banks, insurers and payment firms, turned into decisions.
//!
//! One road, rooms in the order in which data flows:
//! `source → clean → segment → features → model → decide → route → reply → sink`; `train` and `evaluate` take the
//! same road from clean to model. Each room takes one type and gives one type; imports point to the left only.
//! `ARCHITECTURE.md` has the picture and the laws.

pub mod error;
pub mod digest;
pub mod proof;
pub mod clock;
pub mod taxonomy;
pub mod complaint;
pub mod source;
pub mod clean;
pub mod segment;
pub mod cues;
pub mod features;
pub mod model;
pub mod decide;
pub mod route;
pub mod reply;
pub mod case_settings;
pub mod tables;
pub mod ticket;
pub mod sink;
pub mod cases;
pub mod metrics;
pub mod twins;
pub mod bundle;
pub mod pipeline;
#[cfg(feature = "serve")]
pub mod serve;
pub mod jobs;
pub mod cli;
