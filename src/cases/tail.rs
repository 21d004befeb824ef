//! Mean and size of a negative binomial in, the probabilities of its upper tail out.
//! Law: sums run from the small end, so that a tail of 1e-9 keeps its digits; a large size is Poisson.

/// Tails below this are not told apart.
const LEAST_TAIL: f64 = 1e-10;

/// `P(X >= from + i)` for i = 0, 1, … until it is below 1e-10; variance is `mean + mean² / size`.
pub fn tails(mean: f64, size: f64, from: u32) -> Vec<f64> {
    if mean <= 0.0 {
        return Vec::new();
    }
    let sd = (mean + mean * mean / size).sqrt();
    let first = f64::from(from)
        .min(mean.floor())
        .max((mean - 12.0 * sd).floor())
        .max(0.0);
    // From the first term of interest upwards until nothing is added.
    let q = mean / (mean + size);
    let mut term = log_mass(first, mean, size).exp();
    let mut k = first;
    let mut masses: Vec<f64> = Vec::new();
    loop {
        if k >= f64::from(from) {
            masses.push(term);
        }
        if k > mean && k >= f64::from(from) && term < LEAST_TAIL * 1e-3 {
            break;
        }
        term *= (k + size) / (k + 1.0) * q;
        k += 1.0;
    }
    let mut sum = 0.0;
    for mass in masses.iter_mut().rev() {
        sum += *mass;
        *mass = sum;
    }
    let end = masses.partition_point(|t| *t >= LEAST_TAIL);
    masses.truncate(end);
    masses
}

/// Logarithm of `P(X = k)`.
fn log_mass(k: f64, mean: f64, size: f64) -> f64 {
    let all = mean + size;
    log_gamma(k + size) - log_gamma(size) - log_gamma(k + 1.0)
        + size * (size / all).ln()
        + k * (mean / all).ln()
}

/// Stirling's series with eight steps of recursion; within 1e-10 for x > 0.
fn log_gamma(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut x = x;
    while x < 8.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        // Computed by hand from exp(-5) * 5^k / k!: P(X >= 8 | 5) = 0.133372, P(X >= 15 | 5) = 0.000226.
        let poisson = tails(5.0, 1e9, 8);
        assert!((poisson[0] - 0.133_372).abs() < 1e-5, "{}", poisson[0]);
        assert!((poisson[7] - 0.000_226).abs() < 1e-6, "{}", poisson[7]);
        // Size 1 is geometric: P(X >= k) = (mean / (1 + mean))^k.
        let geometric = tails(3.0, 1.0, 4);
        assert!((geometric[0] - 0.75f64.powi(4)).abs() < 1e-9);
        assert!((geometric[10] - 0.75f64.powi(14)).abs() < 1e-9);
        // A large mean does not underflow.
        let large = tails(5000.0, 1e6, 5000);
        assert!((large[0] - 0.5).abs() < 0.01, "{}", large[0]);
        assert!(tails(0.0, 1.0, 8).is_empty());
        assert!(tails(1e-6, 1.0, 8).is_empty());
    }
}
