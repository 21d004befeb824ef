//! Gradients in, weights moved: Adam (Kingma and Ba 2015) for what is dense, rows of the table by plain steps or by Adam
//! with lazy moments.
//! Law: threads never share a row, and a row's texts are added in their order, so any number of threads gives the same bits.

use candle_core::{Device, Result, Tensor, Var};

/// How the rows of the table learn; everything else learns by Adam.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum RowStep {
    /// Plain gradient steps: a rare feature moves as little as its evidence is worth.
    Plain,
    /// Adam with moments of its own for each row: a rare feature moves as far as a frequent one.
    Adam,
}

/// Step of the rows over that of Adam, chosen on the development voices among 100, 200, 400, 1000 and 4000.
const PLAIN_RATE: f32 = 400.0;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// A dense variable with its Adam moments.
pub(super) struct Dense {
    pub var: Var,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Dense {
    pub fn new(values: &[f32], shape: &[usize]) -> Result<Dense> {
        Ok(Dense {
            var: Var::from_slice(values, shape, &Device::Cpu)?,
            first: vec![0.0; values.len()],
            second: vec![0.0; values.len()],
        })
    }

    pub fn values(&self) -> Result<Vec<f32>> {
        self.var.flatten_all()?.to_vec1()
    }

    pub fn update(&mut self, gradient: &Tensor, adam: &Adam) -> Result<()> {
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut values = self.values()?;
        adam.update(&mut values, &gradient, &mut self.first, &mut self.second);
        self.var
            .set(&Tensor::from_vec(values, self.var.shape(), &Device::Cpu)?)
    }
}

/// One step's rates.
pub(super) struct Adam {
    rate: f32,
    decay: f32,
    correction1: f32,
    correction2: f32,
}

impl Adam {
    pub fn new(rate: f64, decay: f64, step: usize) -> Adam {
        Adam {
            rate: rate as f32,
            decay: (rate * decay) as f32,
            correction1: 1.0 - BETA1.powi(step as i32),
            correction2: 1.0 - BETA2.powi(step as i32),
        }
    }

    fn update(&self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        for (((v, &g), m), s) in values.iter_mut().zip(gradient).zip(first).zip(second) {
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *s = BETA2 * *s + (1.0 - BETA2) * g * g;
            let step = (*m / self.correction1) / ((*s / self.correction2).sqrt() + EPSILON);
            *v -= self.rate * step + self.decay * *v;
        }
    }
}

/// A row of the table that stands in a text, and with what weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub row: u32,
    pub doc: u32,
    pub weight: f32,
}

/// A stretch of the table with its moments; splits at row borders so that threads never share a row.
pub(super) struct Rows<'a> {
    pub dim: usize,
    /// Row number of the stretch's first row.
    pub base: usize,
    pub table: &'a mut [f32],
    pub first: &'a mut [f32],
    pub second: &'a mut [f32],
}

impl Rows<'_> {
    /// `pairs`: sorted; `gradient`: one row of `dim` per text.
    pub fn update(self, pairs: &[Pair], gradient: &[f32], adam: &Adam) {
        let middle = pairs.len() / 2;
        let border = pairs.get(middle).map(|p| p.row);
        let cut = border.map_or(0, |row| pairs.partition_point(|p| p.row < row));
        if pairs.len() < 4096 || cut == 0 {
            self.update_here(pairs, gradient, adam);
            return;
        }
        let row = pairs[cut].row as usize;
        let at = (row - self.base) * self.dim;
        let (table_l, table_r) = self.table.split_at_mut(at);
        // Plain steps keep no moments.
        let kept = at.min(self.first.len());
        let (first_l, first_r) = self.first.split_at_mut(kept);
        let (second_l, second_r) = self.second.split_at_mut(kept);
        let (dim, base) = (self.dim, self.base);
        let left = Rows {
            dim,
            base,
            table: table_l,
            first: first_l,
            second: second_l,
        };
        let right = Rows {
            dim,
            base: row,
            table: table_r,
            first: first_r,
            second: second_r,
        };
        let (pairs_l, pairs_r) = pairs.split_at(cut);
        rayon::join(
            || left.update(pairs_l, gradient, adam),
            || right.update(pairs_r, gradient, adam),
        );
    }

    fn update_here(self, pairs: &[Pair], gradient: &[f32], adam: &Adam) {
        let dim = self.dim;
        let mut sum = vec![0.0f32; dim];
        for run in pairs.chunk_by(|a, b| a.row == b.row) {
            sum.fill(0.0);
            for pair in run {
                let gradient = &gradient[pair.doc as usize * dim..][..dim];
                for (s, g) in sum.iter_mut().zip(gradient) {
                    *s += pair.weight * g;
                }
            }
            let at = (run[0].row as usize - self.base) * dim;
            let row = &mut self.table[at..at + dim];
            if self.first.is_empty() {
                for (v, g) in row.iter_mut().zip(&sum) {
                    *v -= PLAIN_RATE * adam.rate * g + adam.decay * *v;
                }
                continue;
            }
            adam.update(
                row,
                &sum,
                &mut self.first[at..at + dim],
                &mut self.second[at..at + dim],
            );
        }
    }
}
