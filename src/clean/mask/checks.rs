//! Check digits and shapes of numbers: pure functions over digits. Sources: GB 11643-1999 (identity number), GB 32100-2015
//! (unified social credit code), ISO/IEC 7812 (Luhn); trade names of the shapes in regulations §6c. Finds nothing by itself.

use super::MaskKind;

/// `8` digits YYYYMMDD of a person's lifetime or of a business record (1800 to 2099).
pub(super) fn is_date(d: &[u8]) -> bool {
    if d.len() != 8 || !matches!(&d[..2], b"18" | b"19" | b"20") {
        return false;
    }
    month_day(&d[4..])
}

fn month_day(d: &[u8]) -> bool {
    let n = |a: u8, b: u8| (a - b'0') as u32 * 10 + (b - b'0') as u32;
    (1..=12).contains(&n(d[0], d[1])) && (1..=31).contains(&n(d[2], d[3]))
}

/// 17 digits and a check character.
pub(super) fn id18_valid(d: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if !id18_shape(d) {
        return false;
    }
    let sum: u32 = d
        .iter()
        .zip(WEIGHTS)
        .map(|(c, w)| (c - b'0') as u32 * w)
        .sum();
    d[17].to_ascii_uppercase() == b"10X98765432"[(sum % 11) as usize]
}

/// 17 digits with a date in place, and a check character that may be wrong.
pub(super) fn id18_shape(d: &[u8]) -> bool {
    d.len() == 18
        && d[..17].iter().all(u8::is_ascii_digit)
        && (d[17].is_ascii_digit() || matches!(d[17], b'x' | b'X'))
        && d[0] != b'0'
        && is_date(&d[6..14])
}

/// 15 digits of 1989: region, YYMMDD, sequence.
pub(super) fn id15_shape(d: &[u8]) -> bool {
    d.len() == 15 && d[0] != b'0' && d.iter().all(u8::is_ascii_digit) && month_day(&d[8..12])
}

pub(super) fn luhn(d: &[u8]) -> bool {
    let sum: u32 = d
        .iter()
        .rev()
        .enumerate()
        .map(|(k, c)| {
            let v = (c - b'0') as u32 * if k % 2 == 1 { 2 } else { 1 };
            if v > 9 { v - 9 } else { v }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A card's number by its first digits alone (UnionPay 62), or by first digits and Luhn (the others).
pub(super) fn card_prefix(d: &[u8]) -> bool {
    if d.starts_with(b"62") && d.len() >= 16 {
        return true;
    }
    let four = d[..4].iter().fold(0, |n, c| n * 10 + (c - b'0') as u32);
    let known = matches!(d[0], b'4' | b'9')
        || (5100..5600).contains(&four)
        || (2221..=2720).contains(&four)
        || (3500..3600).contains(&four)
        || matches!(four / 100, 34 | 37 | 62);
    known && luhn(d)
}

const USCC: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// 18 characters of the code's alphabet, registering department, kind and region in place.
pub(super) fn uscc_shape(d: &[u8]) -> bool {
    d.len() == 18
        && d.iter().all(|c| USCC.contains(&c.to_ascii_uppercase()))
        && matches!(d[0], b'1' | b'5' | b'9' | b'2'..=b'4' | b'6'..=b'8' | b'A' | b'N' | b'Y')
        && d[1].is_ascii_digit()
        && d[2..8].iter().all(u8::is_ascii_digit)
}

pub(super) fn uscc_valid(d: &[u8]) -> bool {
    const WEIGHTS: [usize; 17] = [
        1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
    ];
    let value = |c: &u8| USCC.iter().position(|u| *u == c.to_ascii_uppercase());
    if !uscc_shape(d) {
        return false;
    }
    let sum: usize = d
        .iter()
        .zip(WEIGHTS)
        .filter_map(|(c, w)| Some(value(c)? * w))
        .sum();
    value(&d[17]) == Some((31 - sum % 31) % 31)
}

/// 11 digits 1[3-9]…; loose on purpose, new ranges appear.
pub(super) fn mobile(d: &[u8]) -> bool {
    d.len() == 11 && d[0] == b'1' && (b'3'..=b'9').contains(&d[1])
}

/// Area code as written: 010, 02x or 0xxx.
pub(super) fn area(d: &[u8]) -> bool {
    match d.len() {
        3 => d.starts_with(b"010") || (d.starts_with(b"02") && d[2] != b'6'),
        4 => d[0] == b'0' && (b'3'..=b'9').contains(&d[1]),
        _ => false,
    }
}

/// Local part of a fixed line.
pub(super) fn local(d: &[u8]) -> bool {
    matches!(d.len(), 7 | 8) && (b'2'..=b'8').contains(&d[0])
}

/// An area code and a local number written together.
pub(super) fn area_and_local(d: &[u8]) -> bool {
    (3..=4).any(|k| d.len() > k && area(&d[..k]) && local(&d[k..]))
}

pub(super) fn spoken(c: char) -> Option<u8> {
    Some(match c {
        '零' | '〇' | '洞' => b'0',
        '一' | '幺' => b'1',
        '二' | '两' => b'2',
        '三' => b'3',
        '四' => b'4',
        '五' => b'5',
        '六' => b'6',
        '七' | '拐' => b'7',
        '八' => b'8',
        '九' | '勾' => b'9',
        c if c.is_ascii_digit() => c as u8,
        _ => return None,
    })
}

/// One spelling of a value, so that the same value gets the same number.
pub(super) fn canonical(kind: MaskKind, value: &str) -> String {
    match kind {
        MaskKind::Name | MaskKind::NamePartial | MaskKind::Address | MaskKind::Secret => {
            value.to_owned()
        }
        MaskKind::Email | MaskKind::Wechat => value.to_lowercase(),
        _ => {
            let mut out: String = value
                .chars()
                .filter_map(|c| match spoken(c) {
                    Some(d) if !c.is_ascii() => Some(d as char),
                    _ if c.is_ascii_alphanumeric() => Some(c.to_ascii_uppercase()),
                    _ if super::super::normalise::is_hanzi(c) && kind == MaskKind::Plate => Some(c),
                    _ => None,
                })
                .collect();
            if kind == MaskKind::Phone && out.len() > 11 {
                out = out.split_off(out.len() - 11);
            }
            out
        }
    }
}

/// Whether `digits` is a public number of the list (`x` any digit).
pub(super) fn hotline(list: &[String], digits: &str) -> bool {
    list.iter().any(|h| {
        h.len() == digits.len()
            && h.bytes()
                .zip(digits.bytes())
                .all(|(p, d)| p == d || (p == b'x' && d.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_the_standards_examples() {
        // GB 11643-1999 and GB 32100-2015 examples, regulations §6c.
        for id in [
            "11010519491231002X",
            "440524188001010014",
            "990000199001010017",
        ] {
            assert!(id18_valid(id.as_bytes()), "{id}");
        }
        assert!(!id18_valid(b"110105194912310021"));
        for code in [
            "91350100M000100Y43",
            "11320000MB151840XJ",
            "91990000MA0000001B",
        ] {
            assert!(uscc_valid(code.as_bytes()), "{code}");
        }
        for card in ["4111111111111111", "5555555555554444", "6200000000000005"] {
            assert!(luhn(card.as_bytes()), "{card}");
        }
        assert!(!luhn(b"6226000000000004"));
    }
}
