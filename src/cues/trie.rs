//! A list of words in, all places of a text where one stands out: a character trie in one flat array.
//! Law: every occurrence is told, overlapping ones too, by start, then by length. Knows nothing of what words mean.

/// Code points of the basic plane.
const PLANE: usize = 0x1_0000;

/// No word ends here; no parent.
const NONE: u16 = u16::MAX;

/// One node: its children stand at `base + code`, and each child names its parent in `check`.
#[derive(Debug, Clone, Copy)]
struct Node {
    base: u16,
    check: u16,
    word: u16,
}

const FREE: Node = Node {
    base: 0,
    check: NONE,
    word: NONE,
};

/// One character of a text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Char {
    /// Bytes of the text.
    at: u32,
    code: u16,
}

/// The words of all tables.
#[derive(Debug)]
pub(super) struct Trie {
    /// By code point of the basic plane: 0 for a character of no word; those that begin one come first.
    codes: Box<[u16; PLANE]>,
    /// Codes from 1 to here begin a word.
    n_first: u16,
    /// The child of the root by code `c` stands at `c`; deeper nodes stand behind the last code.
    nodes: Vec<Node>,
    /// One bit by `pair` of the first two codes of a word: nearly all places end here, without a look into `nodes`.
    pairs: Box<[u64; PAIRS / 64]>,
}

/// Bits of `Trie::pairs`: 8 KiB, for some thousand words. Chosen.
const PAIRS: usize = 0x1_0000;

/// The bit of two codes.
#[inline(always)]
fn pair(first: u16, second: u16) -> (usize, u64) {
    let key =
        u32::from(first).wrapping_mul(40_503) ^ u32::from(second).wrapping_mul(0x9e37_79b1) >> 12;
    let at = key as usize % PAIRS;
    (at / 64, 1 << (at % 64))
}

impl Trie {
    /// Words are numbered as given; an empty one is never found, of two equal ones the last is.
    ///
    /// `None` for more than 65,534 words, characters or nodes.
    pub fn new(words: &[String]) -> Option<Trie> {
        if words.len() >= usize::from(NONE) {
            return None;
        }
        let mut codes: Box<[u16; PLANE]> = vec![0u16; PLANE].try_into().ok()?;
        let mut n = 0u16;
        let firsts = words.iter().filter_map(|w| w.chars().next());
        let rest = words.iter().flat_map(|w| w.chars().skip(1));
        let mut n_first = 0;
        for (is_first, c) in firsts.map(|c| (true, c)).chain(rest.map(|c| (false, c))) {
            let code = codes.get_mut(c as usize)?;
            if *code == 0 {
                n = n.checked_add(1)?;
                *code = n;
            }
            if is_first {
                n_first = n;
            }
        }
        let mut trie = Trie {
            codes,
            n_first,
            nodes: vec![FREE; usize::from(n) + 1],
            pairs: Box::new([0; PAIRS / 64]),
        };
        // Breadth by breadth over sorted words: (words of the node, its depth in characters, its place).
        let mut sorted: Vec<(Vec<u16>, u16)> = (0..)
            .zip(words)
            .map(|(i, w)| (w.chars().map(|c| trie.codes[c as usize]).collect(), i))
            .filter(|(codes, _): &(Vec<u16>, u16)| !codes.is_empty())
            .collect();
        sorted.sort();
        let mut open = vec![(0..sorted.len(), 0usize, 0usize)];
        let mut lowest = usize::from(n) + 1;
        while let Some((range, depth, at)) = open.pop() {
            let mut children: Vec<(u16, std::ops::Range<usize>)> = Vec::new();
            for i in range {
                match sorted[i].0.get(depth) {
                    None => trie.nodes[at].word = sorted[i].1,
                    Some(&code) => match children.last_mut() {
                        Some((last, run)) if *last == code => run.end = i + 1,
                        _ => children.push((code, i..i + 1)),
                    },
                }
            }
            if children.is_empty() {
                continue;
            }
            let base = match depth {
                0 => 0,
                _ => trie.place(&children, &mut lowest),
            };
            if trie.nodes.len() >= usize::from(NONE) {
                return None;
            }
            trie.nodes[at].base = base as u16;
            for (code, run) in children {
                let child = base + usize::from(code);
                trie.nodes[child].check = at as u16;
                if depth == 1 {
                    let (cell, bit) = pair(at as u16, code);
                    trie.pairs[cell] |= bit;
                }
                open.push((run, depth + 1, child));
            }
        }
        Some(trie)
    }

    /// The first base at which all children find a free node; no node before `lowest` is free. The array grows as needed.
    fn place(&mut self, children: &[(u16, std::ops::Range<usize>)], lowest: &mut usize) -> usize {
        while self.nodes.get(*lowest).is_some_and(|n| n.check != NONE) {
            *lowest += 1;
        }
        let (first, last) = (children[0].0, children[children.len() - 1].0);
        let mut base = lowest.saturating_sub(usize::from(first)).max(1);
        loop {
            let end = base + usize::from(last) + 1;
            if self.nodes.len() < end {
                self.nodes.resize(end, FREE);
            }
            let free = |code: u16| {
                let at = base + usize::from(code);
                at >= *lowest && self.nodes[at].check == NONE
            };
            if children.iter().all(|(code, _)| free(*code)) {
                return base;
            }
            base += 1;
        }
    }

    /// Calls `found(start, end, word)` for every word in `text`, bytes of the text; `chars` is memory to use.
    #[inline]
    pub fn scan(
        &self,
        text: &str,
        chars: &mut Vec<Char>,
        mut found: impl FnMut(usize, usize, u16),
    ) {
        if chars.len() <= text.len() {
            chars.resize(text.len() + 1, Char::default());
        }
        let mut n = 0;
        for (char, (at, c)) in chars.iter_mut().zip(text.char_indices()) {
            let code = self.codes[c as usize & (PLANE - 1)];
            *char = Char {
                at: at as u32,
                code: if (c as usize) < PLANE { code } else { 0 },
            };
            n += 1;
        }
        chars[n] = Char {
            at: text.len() as u32,
            code: 0,
        };
        let chars = &chars[..=n];
        for (i, two) in chars.windows(2).enumerate() {
            let [first, second] = [two[0], two[1]];
            if first.code.wrapping_sub(1) < self.n_first {
                let word = self.nodes[usize::from(first.code)].word;
                if word != NONE {
                    found(first.at as usize, second.at as usize, word);
                }
                let (cell, bit) = pair(first.code, second.code);
                if self.pairs[cell] & bit != 0 {
                    self.walk(&chars[i..], &mut found);
                }
            }
        }
    }

    /// Words of two characters and more that begin with the first of `chars`.
    fn walk(&self, chars: &[Char], found: &mut impl FnMut(usize, usize, u16)) {
        let mut node = chars[0].code;
        for two in chars[1..].windows(2) {
            let base = self.nodes[usize::from(node)].base;
            let child = usize::from(base) + usize::from(two[0].code);
            match self.nodes.get(child) {
                // A character of no word has code 0, and so has the end: none is a child.
                Some(n) if n.check == node && two[0].code != 0 => {
                    if n.word != NONE {
                        found(chars[0].at as usize, two[1].at as usize, n.word);
                    }
                    if n.base == 0 {
                        return;
                    }
                    node = child as u16;
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(words: &[&str], text: &'t str) -> Vec<&'t str> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let mut out = Vec::new();
        let trie = Trie::new(&words).expect("few words");
        trie.scan(text, &mut Vec::new(), |s, e, w| {
            assert_eq!(&text[s..e], words[usize::from(w)]);
            out.push(&text[s..e]);
        });
        out
    }

    #[test]
    fn overlapping_words_are_all_found_by_start_then_length() {
        let words = ["没有", "没", "有没有", "有", "12378", "78转"];
        assert_eq!(
            found(&words, "有没有12378转"),
            ["有", "有没有", "没", "没有", "有", "12378", "78转"]
        );
        assert_eq!(found(&words, "没"), ["没"]);
        assert!(found(&words, "").is_empty());
        assert!(found(&words, "é𠀀🙂ab").is_empty());
        assert!(found(&[], "没有").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds(words in proptest::collection::vec("[ab没有é]{1,4}", 0..12), text in "[abc没有é𠀀]{0,30}") {
            let mut words = words;
            words.sort();
            words.dedup();
            let mut plain: Vec<(usize, usize)> = Vec::new();
            for (start, _) in text.char_indices() {
                for word in &words {
                    if text[start..].starts_with(word.as_str()) {
                        plain.push((start, start + word.len()));
                    }
                }
            }
            plain.sort();
            let mut told = Vec::new();
            let trie = Trie::new(&words).expect("few words");
            trie.scan(&text, &mut Vec::new(), |s, e, _| told.push((s, e)));
            proptest::prop_assert_eq!(told, plain);
        }
    }
}
