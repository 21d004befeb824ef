//! `Features` in, `Logits` per head out: an embedding bag, one hidden layer, one output per label.
//! Law: the same data and seed give the same weights with any number of threads;
//! the hand-written kernel equals the candle tensors to 1e-5 (tested).
//! `encoder/` is the slow tier: BERT encoders that a site owns.
//! Does not know probabilities: calibration is `decide`.

pub mod encoder;
mod fit;
mod kernel;
mod network;
mod seed;
mod step;
mod table;
mod weights;

pub use fit::{Example, FitOptions, Progress, Target, fit};
pub use kernel::{Activations, Contributions};
pub use network::{HeadKind, HeadSpec, Network, NetworkSpec, n_outputs, offsets};
pub use seed::Seed;
pub use step::RowStep;
