//! Texts that are too long, not Chinese, damaged by a wrong encoding, or full of personal data.

use encoding_rs::{GB18030, WINDOWS_1252};
use rayon::prelude::*;

use super::findings::{Findings, Kind, Place};
use super::read::Corpus;

/// Longer than the longest complaint that the tests know, 20,000 characters; chosen.
const LONGEST_CHARS: usize = 20_000;
/// Fewer Chinese characters among the letters make no Chinese text; chosen.
const LEAST_HAN: f64 = 0.3;

pub(super) fn find(corpus: &Corpus, findings: &mut Findings) {
    let looks: Vec<Look> = corpus
        .rows
        .par_iter()
        .map(|row| Look::at(&row.text))
        .collect();
    for ((row, look), personal) in corpus.rows.iter().zip(&looks).zip(&corpus.personal) {
        let place = || vec![Place::of(&row.position)];
        if let Some(damage) = look.damage {
            findings.add(Kind::Damaged, None, place(), damage.what(), damage.remedy());
        } else if look.n_letters > 0 && (look.n_han as f64) < LEAST_HAN * look.n_letters as f64 {
            let what = format!("{} 个字母里只有 {} 个汉字", look.n_letters, look.n_han);
            findings.add(
                Kind::NotChinese,
                None,
                place(),
                what,
                "确认是不是投诉正文；不是就删去",
            );
        } else if look.n_letters == 0 {
            let what = "没有一个字";
            findings.add(
                Kind::NotChinese,
                None,
                place(),
                what,
                "补上正文，或删去该行",
            );
        }
        if look.n_chars > LONGEST_CHARS {
            let what = format!("{} 字，多于 {LONGEST_CHARS} 字", look.n_chars);
            findings.add(Kind::TextLong, None, place(), what, "确认不是多条连在一起");
        }
        if !personal.is_empty() {
            let mut kinds: Vec<&str> = personal.iter().map(|k| k.label()).collect();
            kinds.dedup();
            findings.add(
                Kind::PersonalData,
                None,
                place(),
                format!("正文有未遮盖的{}", kinds.join("、")),
                "训练前会自动脱敏，但文件本身请按规定保管或先行脱敏",
            );
        }
    }
}

/// What one look at a text tells.
struct Look {
    n_chars: usize,
    n_letters: usize,
    n_han: usize,
    damage: Option<Damage>,
}

impl Look {
    fn at(text: &str) -> Look {
        let (mut n_chars, mut n_letters, mut n_han) = (0, 0, 0);
        for c in text.chars() {
            n_chars += 1;
            n_letters += usize::from(c.is_alphabetic());
            n_han += usize::from(is_han(c));
        }
        Look {
            n_chars,
            n_letters,
            n_han,
            damage: Damage::of(text),
        }
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// How a text was damaged before it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// U+FFFD: bytes that could not be read were replaced.
    Replaced,
    /// 锟斤拷: such replacements, read as GBK once more.
    Kunjinkao,
    /// UTF-8 read as GBK.
    AsGbk,
    /// UTF-8 or GBK read as Latin letters.
    AsLatin,
}

impl Damage {
    fn of(text: &str) -> Option<Damage> {
        if text.contains('\u{fffd}') {
            return Some(Damage::Replaced);
        }
        if text.contains("锟斤拷") || text.contains("锟斤") {
            return Some(Damage::Kunjinkao);
        }
        // Most texts end here: what UTF-8 makes of Chinese begins with few bytes, which GBK reads as few characters.
        let n_odd = text.chars().filter(|c| ODD.contains(c)).count();
        if n_odd >= 2 {
            let (bytes, _, _) = GB18030.encode(text);
            if is_chinese_utf8(&bytes) {
                return Some(Damage::AsGbk);
            }
        }
        let n_latin = text
            .chars()
            .filter(|c| ('\u{a1}'..='\u{ff}').contains(c))
            .count();
        if n_latin >= 4 && n_latin * 4 > text.chars().count() {
            let (bytes, _, _) = WINDOWS_1252.encode(text);
            let (as_gbk, broken) = GB18030.decode_without_bom_handling(&bytes);
            let n_han = as_gbk.chars().filter(|c| is_han(*c)).count();
            if is_chinese_utf8(&bytes) || (!broken && n_han * 3 > n_latin) {
                return Some(Damage::AsLatin);
            }
        }
        None
    }

    fn what(self) -> &'static str {
        match self {
            Damage::Replaced => "有读不出的字符（U+FFFD）",
            Damage::Kunjinkao => "有“锟斤拷”：编码转换时丢了字",
            Damage::AsGbk => "UTF-8 被当作 GBK 读过",
            Damage::AsLatin => "中文被当作西文读过",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Damage::Replaced | Damage::Kunjinkao => "字已丢失，改不回来：从源系统重新导出",
            Damage::AsGbk | Damage::AsLatin => "从源系统按 UTF-8 重新导出，不要经旧版 Excel 另存",
        }
    }
}

/// What GBK reads where UTF-8 has common Chinese characters and marks: their first two bytes.
const ODD: [char; 24] = [
    '锛', '銆', '鐨', '鏄', '鎴', '涓', '浜', '鍚', '瀹', '閾', '鍗', '鎶', '璇', '浠', '鍦', '杩',
    '娆', '鎵', '涔', '浣', '瑕', '鏈', '琛', '淇',
];

/// Mostly sequences of UTF-8 that are Chinese; some may have been lost on the way.
fn is_chinese_utf8(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let n_han = text.chars().filter(|c| is_han(*c)).count();
    let n_broken = text.chars().filter(|c| *c == '\u{fffd}').count();
    n_han >= 2 && n_han > n_broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_seen_and_named() {
        let text = "信用卡年费没人告诉我就扣了，要求退还。";
        assert_eq!(Damage::of(text), None);
        let (as_gbk, ..) = GB18030.decode(text.as_bytes());
        assert!(matches!(
            Damage::of(&as_gbk),
            Some(Damage::AsGbk | Damage::Replaced)
        ));
        let whole = "我的信用卡被盗刷了两千";
        let (as_gbk, ..) = GB18030.decode(&whole.as_bytes()[..30]);
        assert_eq!(
            Damage::of(&as_gbk.replace('\u{fffd}', "")),
            Some(Damage::AsGbk)
        );
        let (as_latin, ..) = WINDOWS_1252.decode(text.as_bytes());
        assert_eq!(Damage::of(&as_latin), Some(Damage::AsLatin));
        let (gbk, ..) = GB18030.encode(text);
        let (as_latin, ..) = WINDOWS_1252.decode(&gbk);
        assert_eq!(Damage::of(&as_latin), Some(Damage::AsLatin));
        assert_eq!(Damage::of("扣了\u{fffd}的钱"), Some(Damage::Replaced));
        assert_eq!(Damage::of("锟斤拷锟斤拷"), Some(Damage::Kunjinkao));
        assert_eq!(Damage::of("我叫锛子，在銆村"), None);
        assert_eq!(Damage::of("café crème à Zürich"), None);
    }
}
