//! Answers with probabilities in, what automation would cost out: precision and errors at every share that goes by itself.

use serde::Serialize;

use super::Answer;

/// Points that a curve keeps; more than a page can show.
const POINTS: usize = 200;

/// What holds when every answer at or above a probability goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The lowest probability that goes by itself.
    pub prob: f32,
    /// Rows that do, and their share.
    pub n: usize,
    pub coverage: f64,
    /// Of these, the wrong ones, and the share of the right ones.
    pub wrong: usize,
    pub precision: f64,
}

fn point(prob: f32, n: usize, wrong: usize, of: usize) -> CurvePoint {
    CurvePoint {
        prob,
        n,
        coverage: n as f64 / of.max(1) as f64,
        wrong,
        precision: (n - wrong) as f64 / n.max(1) as f64,
    }
}

/// Points by falling probability; answers of one probability stand or fall together.
pub fn curve(answers: &[Answer]) -> Vec<CurvePoint> {
    let mut sorted: Vec<&Answer> = answers.iter().collect();
    sorted.sort_by(|a, b| b.prob.total_cmp(&a.prob));
    let mut points: Vec<CurvePoint> = Vec::new();
    let (mut n, mut wrong) = (0, 0);
    for alike in sorted.chunk_by(|a, b| a.prob == b.prob) {
        n += alike.len();
        wrong += alike.iter().filter(|a| a.gold != a.given).count();
        points.push(point(alike[0].prob, n, wrong, answers.len()));
    }
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(i, _)| i % step == 0 || *i == last)
        .map(|(_, p)| p)
        .collect()
}

/// The point of one threshold.
pub fn at(answers: &[Answer], prob: f32) -> CurvePoint {
    let pass = || answers.iter().filter(|a| a.prob >= prob);
    let wrong = pass().filter(|a| a.gold != a.given).count();
    point(prob, pass().count(), wrong, answers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_agrees_with_a_count_by_hand() {
        let answer = |right: bool, prob| Answer {
            gold: 0,
            given: usize::from(!right),
            prob,
        };
        let answers = [
            answer(true, 0.9),
            answer(false, 0.7),
            answer(true, 0.7),
            answer(false, 0.5),
        ];
        let points = curve(&answers);
        let short: Vec<_> = points.iter().map(|p| (p.n, p.wrong)).collect();
        assert_eq!(short, [(1, 0), (3, 1), (4, 2)]);
        assert_eq!(points[2].coverage, 1.0);
        assert_eq!(points[2].precision, 0.5);
        assert_eq!(at(&answers, 0.7), points[1]);
        assert_eq!(at(&answers, 0.99).n, 0);
        let many: Vec<Answer> = (0..10_000)
            .map(|i| answer(true, i as f32 / 10_000.0))
            .collect();
        assert!(curve(&many).len() <= POINTS + 1);
    }
}
