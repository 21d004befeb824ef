//! Counts in, exact binomial statements out: sums of the binomial law, the sign test, one-sided bounds.
//! Law: no approximation that a small n would break.

/// `ln n!`
fn ln_factorial(n: usize) -> f64 {
    if n < 256 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    // Stirling's series; its next term is below 1e-12 here.
    let x = n as f64 + 1.0;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * x)
        - 1.0 / (360.0 * x.powi(3))
}

/// Probability of at most `k` successes in `n` trials of chance `p`.
pub fn at_most(k: usize, n: usize, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let log_n = ln_factorial(n);
    let term = |i: usize| {
        let log = log_n - ln_factorial(i) - ln_factorial(n - i)
            + i as f64 * p.ln()
            + (n - i) as f64 * (1.0 - p).ln();
        log.exp()
    };
    (0..=k).map(term).sum::<f64>().min(1.0)
}

/// Two-sided p of `won` against `lost`, were both as probable.
pub fn sign_test(won: usize, lost: usize) -> f64 {
    match won + lost {
        0 => 1.0,
        n => (2.0 * at_most(won.min(lost), n, 0.5)).min(1.0),
    }
}

/// The share that is not lower with the given confidence, if `k` of `n` were seen (Clopper and Pearson 1934, one-sided).
pub fn lower_bound(k: usize, n: usize, confidence: f64) -> f64 {
    if k == 0 || n == 0 {
        return 0.0;
    }
    // The chance at which as many successes or more would be seen in 1 - confidence of the samples.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let p = (low + high) / 2.0;
        if 1.0 - at_most(k - 1, n, p) < 1.0 - confidence {
            low = p;
        } else {
            high = p;
        }
    }
    low
}

/// How many of `n` may be missed for the confidence that at least `share` are not; `None` if even none is too many.
///
/// The bound holds for a limit put at the `k + 1`-th smallest of the scores, whatever their law (Wilks 1941).
pub fn may_be_missed(n: usize, share: f64, confidence: f64) -> Option<usize> {
    let fits = |k: usize| at_most(k, n, 1.0 - share) <= 1.0 - confidence;
    if n == 0 || !fits(0) {
        return None;
    }
    (0..n).take_while(|k| fits(*k)).last()
}

/// Rows needed before `share` can be promised at all: all of them right.
pub fn rows_needed(share: f64, confidence: f64) -> usize {
    ((1.0 - confidence).ln() / share.ln()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected numbers: scipy 1.18, `binom.cdf` and `beta.ppf`.
    #[test]
    fn sums_and_bounds_are_those_of_scipy() {
        assert!((at_most(2, 10, 0.3) - 0.382_782_8).abs() < 1e-6);
        assert!((at_most(300, 1000, 0.3) - 0.515_593_5).abs() < 1e-6);
        assert!((sign_test(8, 2) - 0.109_375).abs() < 1e-9);
        assert_eq!(sign_test(3, 3), 1.0);
        // All of n right: confidence-th root.
        assert!((lower_bound(149, 149, 0.95) - 0.05f64.powf(1.0 / 149.0)).abs() < 1e-9);
    }

    #[test]
    fn a_promise_needs_as_many_rows_as_wilks_says() {
        assert_eq!(rows_needed(0.98, 0.95), 149);
        assert_eq!(may_be_missed(148, 0.98, 0.95), None);
        assert_eq!(may_be_missed(149, 0.98, 0.95), Some(0));
        // The known table of tolerance limits for 95 %/95 %: 59, 93, 124 rows.
        for (n, missed) in [(59, 0), (93, 1), (124, 2)] {
            assert_eq!(may_be_missed(n, 0.95, 0.95), Some(missed));
            assert_ne!(may_be_missed(n - 1, 0.95, 0.95), Some(missed));
        }
    }
}
