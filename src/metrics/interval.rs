//! Counts in, 95 % intervals out: closed forms, so that the same counts give the same figures.

/// 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval of a share (Wilson 1927); `None` where nothing was counted.
pub fn wilson(part: usize, whole: usize) -> Option<[f64; 2]> {
    if whole == 0 {
        return None;
    }
    let (n, p) = (whole as f64, part as f64 / whole as f64);
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the square root may miss 0 or 1 by its last bit.
    let low = if part == 0 {
        0.0
    } else {
        (middle - half).max(0.0)
    };
    let high = if part == whole {
        1.0
    } else {
        (middle + half).min(1.0)
    };
    Some([low, high])
}

/// Interval of F1: of the rows that carry the label or were given it, the share that is right is one of `n`, and
/// F1 = 2s / (1 + s) grows with it, so Wilson's interval of that share is carried over.
pub fn f1_interval(right: usize, n: usize, n_given: usize) -> Option<[f64; 2]> {
    let shares = wilson(right, (n + n_given).saturating_sub(right))?;
    Some(shares.map(|s| 2.0 * s / (1.0 + s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<[f64; 2]>, expected: [f64; 2]) -> bool {
        found
            .is_some_and(|f| (f[0] - expected[0]).abs() < 5e-4 && (f[1] - expected[1]).abs() < 5e-4)
    }

    #[test]
    fn intervals_agree_with_scipy() {
        // scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
        assert!(near(wilson(9, 10), [0.5958, 0.9821]));
        assert!(near(wilson(81, 263), [0.2553, 0.3662]));
        assert!(near(wilson(0, 20), [0.0, 0.1611]));
        assert_eq!(wilson(20, 20).map(|i| i[1]), Some(1.0));
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn the_interval_of_f1_holds_f1() {
        let Some([low, high]) = f1_interval(40, 50, 60) else {
            panic!("there are rows");
        };
        let f1 = 80.0 / 110.0;
        assert!(low < f1 && f1 < high && high - low < 0.2);
    }
}
