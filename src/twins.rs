//! Texts in, pairs that say the same in the same words out: runs of twelve characters that two texts share.
//! Law: the result hangs on the texts and their order alone; every pair names the earlier and the later text.
//! Does not know meanings: a retelling in other words is no twin.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

/// Length of a run in characters, marks and spaces not counted; chosen: shorter runs are common phrases.
const RUN_CHARS: usize = 12;
/// Texts remembered for one run: a phrase that more share is a form's own wording.
const MOST_HOLDERS: usize = 8;

/// Two texts that share runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twin {
    pub earlier: usize,
    pub later: usize,
    /// Shared runs over the runs of the shorter text, 0..=1.
    pub share: f32,
}

/// Every text that shares at least `least` (0..=1) of its runs with an earlier one, with the earlier one it shares most with.
pub fn find<'t>(texts: impl IntoIterator<Item = &'t str>, least: f32) -> Vec<Twin> {
    let mut holders: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    let mut sizes: Vec<usize> = Vec::new();
    let mut twins = Vec::new();
    for (later, text) in texts.into_iter().enumerate() {
        let own = runs(text);
        let mut shared: FxHashMap<u32, usize> = FxHashMap::default();
        for run in &own {
            let held = holders.entry(*run).or_default();
            for earlier in held.iter() {
                *shared.entry(*earlier).or_default() += 1;
            }
            if held.len() < MOST_HOLDERS {
                held.push(later as u32);
            }
        }
        let share = |(earlier, n): (&u32, &usize)| {
            let shorter = own.len().min(sizes[*earlier as usize]).max(1);
            (*n as f32 / shorter as f32, *earlier)
        };
        let closest = shared.iter().map(share).max_by(|a, b| {
            // The earliest of equals.
            a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))
        });
        if let Some((share, earlier)) = closest.filter(|c| c.0 >= least) {
            twins.push(Twin {
                earlier: earlier as usize,
                later,
                share,
            });
        }
        sizes.push(own.len());
    }
    twins
}

/// MinHash of a text's runs: two texts agree at each of the `n` places with the probability that is the share of all their
/// runs that they have in common (Broder 1997). Empty for a text without letters.
pub fn minhash(text: &str, n: usize) -> Vec<u64> {
    let runs = runs(text);
    if runs.is_empty() {
        return Vec::new();
    }
    // Each place hashes the runs anew: a step of splitmix64 from its own start.
    let least = |place: u64| {
        let start = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = runs.iter().map(|run| mix(run.wrapping_add(start)));
        mixed.min().unwrap_or_default()
    };
    (1..=n as u64).map(least).collect()
}

/// The finish of splitmix64 (Steele et al. 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The first `n_chars` letters of a text, by which openings are compared.
pub fn opening(text: &str, n_chars: usize) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .take(n_chars)
        .collect()
}

/// Hashes of the distinct runs of a text; a shorter text is one run.
fn runs(text: &str) -> Vec<u64> {
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    if letters.is_empty() {
        return Vec::new();
    }
    let mut out: Vec<u64> = letters
        .windows(RUN_CHARS.min(letters.len()))
        .map(|run| FxBuildHasher.hash_one(run))
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_told_twice_is_found_and_others_are_not() {
        let texts = [
            "昨天下午我在网点排队等了两个小时也没人理我",
            "昨天下午，我在网点排队等了两个小时！也没人理我。",
            "我的信用卡年费退了吗",
            "昨天下午我在网点排队等了两个小时也没人理我，今天又去，还是一样，柜员说系统坏了让我明天再来",
            "不错",
            "不错",
            "",
        ];
        let twins = find(texts, 0.5);
        let pairs: Vec<_> = twins.iter().map(|t| (t.earlier, t.later)).collect();
        assert_eq!(pairs, [(0, 1), (0, 3), (4, 5)]);
        assert!(twins.iter().all(|t| t.share == 1.0));
    }

    #[test]
    fn places_of_a_minhash_agree_as_often_as_runs_are_shared() {
        let letters: Vec<char> = ('\u{4e00}'..'\u{5000}').collect();
        let text = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
        // Runs of 211 letters are 200; two such texts, moved by 100, share 100 of 300.
        let (a, b) = (text(0, 211), text(100, 311));
        let (a, b) = (minhash(&a, 512), minhash(&b, 512));
        let agree = a.iter().zip(&b).filter(|(x, y)| x == y).count();
        assert!((130..=210).contains(&agree), "{agree}");
        assert_eq!(minhash("昨天，下午", 8), minhash("昨天下午。", 8));
        assert!(minhash("！？", 8).is_empty());
    }

    #[test]
    fn an_opening_skips_marks() {
        assert_eq!(opening("客服：您好，请讲。", 4), "客服您好");
    }
}
