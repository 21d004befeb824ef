//! Digits or Chinese numerals in front of a place in, their value out. Allocates nothing.

/// Whether a number may end these bytes of UTF-8: quick, and true too often rather than too seldom.
pub(super) fn may_end(bytes: &[u8]) -> bool {
    match bytes {
        [.., last] if last.is_ascii() => last.is_ascii_digit() || *last == b' ',
        [.., a, b, c] => {
            let point = u32::from(a & 0xf) << 12 | u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f);
            char::from_u32(point).is_some_and(|c| {
                digit(c).is_some() || scale(c).is_some() || matches!(c, '几' | '多' | '余' | '来')
            })
        }
        _ => false,
    }
}

/// The value of one digit.
pub(super) fn digit(c: char) -> Option<f64> {
    let n = match c {
        '0'..='9' => c as u32 - '0' as u32,
        '零' | '〇' => 0,
        '一' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    };
    Some(f64::from(n))
}

fn scale(c: char) -> Option<f64> {
    Some(match c {
        '十' | '拾' => 10.0,
        '百' | '佰' => 100.0,
        '千' | '仟' => 1000.0,
        _ => return None,
    })
}

/// The number that ends `before` (`12,800` `1.2` `三千五百` `八十多` `十几` `几十`), and where it begins.
pub(super) fn number_before(before: &str) -> Option<(f64, usize)> {
    let trimmed = before.trim_end_matches(['多', '余', '来', '几', ' ']);
    let last = trimmed.chars().next_back()?;
    if last.is_ascii_digit() {
        let bytes = trimmed.as_bytes();
        let is_part = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b',');
        let part = bytes.iter().rev().take_while(|b| is_part(b)).count();
        let start = bytes.len() - part;
        let marks = bytes[start..].iter().take_while(|b| !b.is_ascii_digit());
        let start = start + marks.count();
        return Some((plain(&trimmed[start..])?, start));
    }
    let is_part = |c: char| digit(c).is_some() || scale(c).is_some() || c == '几';
    let mut n = 0;
    let mut start = trimmed.len();
    for (i, c) in trimmed.char_indices().rev() {
        if !is_part(c) {
            break;
        }
        start = i;
        n += 1;
    }
    if n == 0 || n > 9 {
        return None;
    }
    Some((chinese(&trimmed[start..])?, start))
}

/// `12,800.50`; at most twelve characters without the commas.
fn plain(part: &str) -> Option<f64> {
    let mut digits = [0u8; 12];
    let mut n = 0;
    for b in part.bytes().filter(|b| *b != b',') {
        *digits.get_mut(n)? = b;
        n += 1;
    }
    std::str::from_utf8(&digits[..n]).ok()?.parse().ok()
}

/// 三千五百二十, 三千五, 十二, 二〇二五.
fn chinese(part: &str) -> Option<f64> {
    if !part.chars().any(|c| scale(c).is_some()) {
        let mut value = 0.0;
        for c in part.chars() {
            value = value * 10.0 + digit(c)?;
        }
        return Some(value);
    }
    let (mut total, mut current, mut unit) = (0.0, None::<f64>, 1.0);
    for c in part.chars() {
        if let Some(scale) = scale(c) {
            total += current.take().unwrap_or(1.0) * scale;
            unit = scale;
        } else if c == '几' {
            current = Some(3.0);
        } else if c != '零' {
            current = Some(digit(c)?);
        }
    }
    // 三千五 is 3500, 十二 is 12.
    if let Some(rest) = current {
        let rounded = unit > 10.0 && !part.contains('零');
        total += if rounded { rest * unit / 10.0 } else { rest };
    }
    Some(total)
}
