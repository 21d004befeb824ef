//! Which encoding a file has: chosen once from its beginning, then kept.
//! Law: never a silent U+FFFD, and one bad byte never turns a UTF-8 file into GB18030.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use encoding_rs::GB18030;

/// An encoding that the reader knows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
pub enum Encoding {
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    #[value(name = "gb18030", aliases = ["gbk", "gb2312"])]
    Gb18030,
    #[value(name = "utf-16le")]
    Utf16Le,
    #[value(name = "utf-16be")]
    Utf16Be,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Gb18030 => "GB18030",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        })
    }
}

/// The choice, with its ground and the length of the byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub encoding: Encoding,
    pub ground: &'static str,
    pub mark_bytes: usize,
}

/// Chooses from the first bytes of a file; `None` means that these bytes are no text.
pub fn choose(beginning: &[u8], asked: Option<Encoding>) -> Option<Chosen> {
    let marks: [(&[u8], Encoding); 3] = [
        (b"\xEF\xBB\xBF", Encoding::Utf8),
        (b"\xFF\xFE", Encoding::Utf16Le),
        (b"\xFE\xFF", Encoding::Utf16Be),
    ];
    let mark = marks.iter().find(|(mark, _)| beginning.starts_with(mark));
    let chosen = |encoding, ground, mark_bytes| {
        Some(Chosen {
            encoding,
            ground,
            mark_bytes,
        })
    };
    if let Some(encoding) = asked {
        let mark_bytes = mark
            .filter(|(_, e)| *e == encoding)
            .map_or(0, |m| m.0.len());
        return chosen(encoding, "--encoding", mark_bytes);
    }
    if let Some((mark, encoding)) = mark {
        return chosen(*encoding, "byte order mark", mark.len());
    }
    if is_binary(beginning) {
        return None;
    }
    let (good, bad) = utf8_sequences(beginning);
    // By chance about one character in a hundred of a GB18030 text looks like UTF-8 (trail E1–EF, then B0–BF, A1–BF);
    // GB18030 in turn accepts nearly any UTF-8. So already a fifth of valid sequences speaks for UTF-8.
    if bad == 0 {
        return chosen(Encoding::Utf8, "valid UTF-8", 0);
    }
    if good * 4 > bad {
        return chosen(Encoding::Utf8, "mostly valid UTF-8", 0);
    }
    let (text, _) = GB18030.decode_without_bom_handling(beginning);
    let n_chars = text.chars().count();
    let n_broken = text.chars().filter(|c| *c == '\u{FFFD}').count();
    if n_broken == 0 {
        chosen(Encoding::Gb18030, "valid GB18030", 0)
    } else if n_broken * 50 < n_chars {
        chosen(Encoding::Gb18030, "mostly valid GB18030", 0)
    } else {
        None
    }
}

/// NUL bytes, or more than one control byte in twenty, are in no text file.
fn is_binary(bytes: &[u8]) -> bool {
    let control = bytes
        .iter()
        .filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
        .count();
    memchr::memchr(0, bytes).is_some() && control * 100 > bytes.len()
        || control * 20 > bytes.len().max(20)
}

/// Counts valid sequences of U+3000–U+9FFF and invalid places; a sequence cut off at the end is neither.
///
/// Shorter sequences prove nothing: about one pair of GB18030 bytes in eight happens to be one.
fn utf8_sequences(mut bytes: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let count = |valid: &[u8]| valid.iter().filter(|b| (0xE3..=0xE9).contains(*b)).count();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(text) => return (good + count(text.as_bytes()), bad),
            Err(e) => {
                good += count(&bytes[..e.valid_up_to()]);
                let Some(len) = e.error_len() else {
                    return (good, bad);
                };
                bad += 1;
                bytes = &bytes[e.valid_up_to() + len..];
            }
        }
    }
}

/// The text of one field or line, or the offset of the first byte that breaks the encoding.
pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Result<Cow<'_, str>, usize> {
    match encoding {
        Encoding::Gb18030 => GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or_else(|| first_broken(bytes)),
        // UTF-16 was turned into UTF-8 on the way in.
        _ => std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|e| e.valid_up_to()),
    }
}

/// Longest prefix that decodes, by halving.
fn first_broken(bytes: &[u8]) -> usize {
    let fits = |n: usize| {
        let (text, had_errors) = GB18030.decode_without_bom_handling(&bytes[..n]);
        !had_errors
            || (n < bytes.len() && text.matches('\u{FFFD}').count() <= 1 && {
                let mut end = text.chars();
                end.next_back() == Some('\u{FFFD}') && !end.as_str().contains('\u{FFFD}')
            })
    };
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) {
            low = middle
        } else {
            high = middle - 1
        }
    }
    low.saturating_sub(1)
}

/// Turns a UTF-16 stream into UTF-8; a lone surrogate becomes the byte FF, so that its row is rejected.
pub(super) struct FromUtf16<R> {
    input: R,
    big_endian: bool,
    half: Vec<u8>,
    ready: Vec<u8>,
    at: usize,
}

impl<R: Read> FromUtf16<R> {
    pub fn new(input: R, encoding: Encoding) -> Self {
        FromUtf16 {
            input,
            big_endian: encoding == Encoding::Utf16Be,
            half: Vec::new(),
            ready: Vec::new(),
            at: 0,
        }
    }

    fn convert(&mut self, at_end: bool) {
        let whole = self.half.len() / 2 * 2;
        let mut units: Vec<u16> = self.half[..whole]
            .chunks_exact(2)
            .map(|p| {
                if self.big_endian {
                    u16::from_be_bytes([p[0], p[1]])
                } else {
                    u16::from_le_bytes([p[0], p[1]])
                }
            })
            .collect();
        let mut keep = self.half.len() - whole;
        if !at_end && units.last().is_some_and(|u| (0xD800..0xDC00).contains(u)) {
            units.pop();
            keep += 2;
        }
        for unit in char::decode_utf16(units) {
            match unit {
                Ok(c) => self.ready.extend(c.encode_utf8(&mut [0; 4]).bytes()),
                Err(_) => self.ready.push(0xFF),
            }
        }
        let cut = self.half.len() - keep;
        self.half.drain(..cut);
        if at_end && !self.half.is_empty() {
            self.half.clear();
            self.ready.push(0xFF);
        }
    }
}

impl<R: Read> Read for FromUtf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() {
            self.ready.clear();
            self.at = 0;
            let mut chunk = [0; 16 * 1024];
            let n = self.input.read(&mut chunk)?;
            self.half.extend_from_slice(&chunk[..n]);
            self.convert(n == 0);
            if n == 0 && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let n = out.len().min(self.ready.len() - self.at);
        out[..n].copy_from_slice(&self.ready[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gb(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn one_bad_byte_does_not_make_utf8_into_gb18030() {
        let mut bytes = "投诉内容,受理时间\n扣了我的钱不退,2026-03-01\n"
            .as_bytes()
            .to_vec();
        bytes.insert(30, 0xFF);
        assert_eq!(
            choose(&bytes, None).map(|c| c.encoding),
            Some(Encoding::Utf8)
        );
    }

    #[test]
    fn gb18030_is_found_even_with_a_bad_byte() {
        let clean = gb("投诉内容,受理时间\n信用卡年费没人告诉我就扣了,2026-03-01\n"
            .repeat(5)
            .as_str());
        assert_eq!(
            choose(&clean, None).map(|c| c.encoding),
            Some(Encoding::Gb18030)
        );
        let mut broken = clean;
        broken.extend(b"\xFF\n");
        assert_eq!(
            choose(&broken, None).map(|c| c.encoding),
            Some(Encoding::Gb18030)
        );
    }

    #[test]
    fn marks_ascii_and_binary() {
        assert_eq!(
            choose(b"\xEF\xBB\xBFid", None).map(|c| c.mark_bytes),
            Some(3)
        );
        assert_eq!(
            choose(b"id,text\n", None).map(|c| c.encoding),
            Some(Encoding::Utf8)
        );
        assert_eq!(choose(b"", None).map(|c| c.encoding), Some(Encoding::Utf8));
        assert_eq!(
            choose(b"PK\x03\x04\x00\x00\x08\x00\x01\x02\x00\x00", None),
            None
        );
    }

    #[test]
    fn broken_bytes_are_located() {
        assert_eq!(
            decode("退款\u{20}".as_bytes(), Encoding::Utf8).as_deref(),
            Ok("退款 ")
        );
        assert_eq!(decode(b"ab\xFFcd", Encoding::Utf8), Err(2));
        let mut bytes = gb("退款退款");
        bytes.extend([0xFF, b'a']);
        assert_eq!(decode(&bytes, Encoding::Gb18030), Err(8));
    }

    #[test]
    fn utf16_becomes_utf8_across_chunk_borders() {
        let text = "扣款😀退款".repeat(7000);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = Vec::new();
        let mut reader = FromUtf16::new(&bytes[..], Encoding::Utf16Le);
        assert!(reader.read_to_end(&mut out).is_ok());
        assert!(out == text.as_bytes());
        let mut broken = Vec::new();
        let mut reader = FromUtf16::new(&[0x00, 0xD8, 0x61, 0x00][..], Encoding::Utf16Le);
        assert!(reader.read_to_end(&mut broken).is_ok());
        assert_eq!(broken, [0xFF, b'a']);
    }
}
