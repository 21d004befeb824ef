//! The binary as a user starts it, and the laws that no single room can prove.

mod analyst;
mod architecture;
mod behaviour;
mod bundle;
mod desk;
mod encoder;
mod golden;
mod inputs;
mod labelled;
mod laws;
mod model;
mod night;
mod public;
mod redaction;
mod repeats;
mod report;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod triage;
mod waves;
