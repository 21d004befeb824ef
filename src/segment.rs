//! `CleanText` in, `Segments` out: jieba words with the user dictionary.
//! Law: masks stay whole, and the words tile every range that decides.
//! Does not judge which words matter; that is `features`.

use std::io::BufReader;
use std::ops::Range;

use jieba_rs::Jieba;

use crate::clean::CleanText;
use crate::error::{Error, Result};

/// What a word is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordKind {
    /// Letters, digits or characters.
    Text,
    /// Punctuation, space, symbols: a border for n-grams.
    Border,
    /// A mask such as `〔手机1〕`.
    Mask,
    /// Said, but not as the complainant's own matter: 我没打算曝光. Read by its signal, not as a word.
    Withheld,
}

/// One word; offsets are bytes into `CleanText::text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub start: u32,
    pub end: u32,
    pub kind: WordKind,
}

impl Word {
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The words of the turns that decide, in order.
#[derive(Debug)]
pub struct Segments<'t> {
    clean: &'t CleanText,
    words: Vec<Word>,
}

impl<'t> Segments<'t> {
    pub fn clean(&self) -> &'t CleanText {
        self.clean
    }

    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Withholds every word of text that touches one of the ranges, bytes of the text.
    pub fn withhold(&mut self, ranges: &[Range<usize>]) {
        for range in ranges {
            let first = (self.words).partition_point(|w| w.end as usize <= range.start);
            for word in &mut self.words[first..] {
                if word.start as usize >= range.end {
                    break;
                }
                if word.kind == WordKind::Text {
                    word.kind = WordKind::Withheld;
                }
            }
        }
    }
}

/// jieba with the user dictionary; built once, shared by all threads.
pub struct Segmenter {
    jieba: Jieba,
}

impl Segmenter {
    /// `dictionary`: lines of `word freq tag`, as jieba defines them.
    pub fn new(dictionary: &str) -> Result<Segmenter> {
        let mut jieba = Jieba::new();
        for (line, text) in dictionary.lines().enumerate() {
            check_entry(text).map_err(|what| {
                Error::Config(vec![crate::error::Fault::new(
                    "dictionary.txt",
                    line + 1,
                    what,
                    "write `word frequency tag`, one entry a line",
                )])
            })?;
        }
        jieba
            .load_dict(&mut BufReader::new(dictionary.as_bytes()))
            .map_err(|e| Error::Failed(format!("dictionary.txt: {e}")))?;
        Ok(Segmenter { jieba })
    }

    pub fn apply<'t>(&self, clean: &'t CleanText) -> Segments<'t> {
        let text = clean.text();
        let mut words = Vec::with_capacity(text.len() / 4 + 4);
        let masks = clean.masks();
        let mut next = 0;
        for range in clean.deciding() {
            let mut at = range.start;
            while next < masks.len() && masks[next].range.start < range.start {
                next += 1;
            }
            while next < masks.len() && masks[next].range.end <= range.end {
                let mask = &masks[next].range;
                self.cut(text, at..mask.start, &mut words);
                words.push(Word {
                    start: mask.start as u32,
                    end: mask.end as u32,
                    kind: WordKind::Mask,
                });
                at = mask.end;
                next += 1;
            }
            self.cut(text, at..range.end, &mut words);
        }
        Segments { clean, words }
    }

    fn cut(&self, text: &str, range: Range<usize>, words: &mut Vec<Word>) {
        let piece = &text[range.clone()];
        if piece.is_empty() {
            return;
        }
        for token in self.jieba.cut(piece, false) {
            let text_like = token.word.chars().next().is_some_and(is_text);
            words.push(Word {
                start: (range.start + token.byte_start) as u32,
                end: (range.start + token.byte_end) as u32,
                kind: if text_like {
                    WordKind::Text
                } else {
                    WordKind::Border
                },
            });
        }
    }
}

/// Characters that carry meaning; all others are borders between words.
pub(crate) fn is_text(c: char) -> bool {
    match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' => true,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => true,
        '\0'..='\u{2fff}' => c.is_alphanumeric(),
        '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' => false,
        // Emoji say something about the mood.
        '\u{1f300}'..='\u{1faff}' => true,
        _ => c.is_alphanumeric(),
    }
}

fn check_entry(line: &str) -> Result<(), &'static str> {
    let mut parts = line.split_whitespace();
    if parts.next().is_none() {
        return Ok(());
    }
    match parts.next().map(str::parse::<usize>) {
        Some(Err(_)) => Err("the frequency is not a whole number"),
        _ if parts.count() > 1 => Err("more than three fields"),
        _ => Ok(()),
    }
}
