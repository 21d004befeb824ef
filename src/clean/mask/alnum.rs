//! Tokens of Latin letters and digits, and e-mail addresses: credit code, passport, permit, plate, a phone glued to letters.
//! Law: a token is taken whole; staff numbers and product codes stay. What needs a cue is in `labelled`.

use super::{Hit, MaskKind, Scan, Span, checks};

/// Provinces and forces on plates (GA 36-2018).
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使";

/// Looks at `text[start..end]`, a maximal token of letters and digits.
pub(super) fn token(scan: &Scan, start: usize, end: usize, out: &mut Vec<Span>) {
    let b = &scan.bytes[start..end];
    let mut put = |start: usize, end: usize, kind| out.push(Span { start, end, kind });
    if let Some((s, e)) = plate(scan, start, end) {
        return put(s, e, MaskKind::Plate);
    }
    if b.len() < 8 || staff(scan, start) {
        return;
    }
    let digits = b.iter().filter(|c| c.is_ascii_digit()).count();
    if b.len() == 18 && checks::uscc_shape(b) && digits >= 8 {
        let known = matches!(b[0], b'1' | b'5' | b'9') || checks::uscc_valid(b);
        let cued = scan
            .cue_before(start, 60)
            .is_some_and(|c| c.0 == MaskKind::Uscc);
        if known || cued {
            return put(start, end, MaskKind::Uscc);
        }
    }
    if passport(b) {
        return put(start, end, MaskKind::Passport);
    }
    if permit(b) {
        return put(start, end, MaskKind::Permit);
    }
    // tel13800138000, 13800138000vx
    let lead = b.iter().take_while(|c| c.is_ascii_alphabetic()).count();
    let run = b[lead..].iter().take_while(|c| c.is_ascii_digit()).count();
    let tail = b.len() - lead - run;
    if lead <= 8 && b[lead + run..].iter().all(u8::is_ascii_alphabetic) && tail <= 8 {
        let number = &b[lead..lead + run];
        if checks::mobile(number) {
            put(start + lead, start + lead + run, MaskKind::Phone);
        } else if run == 18 && checks::id18_valid(number) {
            put(start + lead, start + lead + run, MaskKind::Id18);
        } else if tail >= 1 && run == 17 && lead > 0 && checks::id18_valid(&b[lead..lead + 18]) {
            put(start + lead, start + lead + 18, MaskKind::Id18);
        } else if (16..=19).contains(&run) && checks::card_prefix(number) {
            put(start + lead, start + lead + run, MaskKind::Card);
        }
    }
}

/// Whether the token is announced as a staff number or a model.
fn staff(scan: &Scan, start: usize) -> bool {
    let head = scan.text[..start].trim_end_matches(['：', '是', '为', ' ', '号']);
    ["工号", "工", "员工编号", "工作证", "型号"]
        .iter()
        .any(|w| head.ends_with(w))
}

/// E, G, D, S, P, K and eight digits, or E and a letter and seven.
pub(super) fn passport(b: &[u8]) -> bool {
    b.len() == 9
        && matches!(
            b[0].to_ascii_uppercase(),
            b'E' | b'G' | b'D' | b'S' | b'P' | b'K'
        )
        && (b[1].is_ascii_digit() || b[1].is_ascii_alphabetic() && b[0].eq_ignore_ascii_case(&b'E'))
        && b[2..].iter().all(u8::is_ascii_digit)
}

/// H or M and eight or ten digits; C or W and eight; C and a letter and seven.
pub(super) fn permit(b: &[u8]) -> bool {
    let digits = |d: &[u8]| d.iter().all(u8::is_ascii_digit);
    match (b.first().map(u8::to_ascii_uppercase), b.len()) {
        (Some(b'H' | b'M'), 9 | 11) => digits(&b[1..]),
        (Some(b'C' | b'W'), 9) => {
            (b[1].is_ascii_digit() || b[1].is_ascii_alphabetic()) && digits(&b[2..])
        }
        _ => false,
    }
}

/// A plate around the token: province before it, suffix (学警港澳挂领使) behind it, `·` inside it.
fn plate(scan: &Scan, start: usize, end: usize) -> Option<(usize, usize)> {
    let text = scan.text;
    let b = scan.bytes;
    let mut head = text[..start].trim_end_matches(['·', ' ', '-', '.']);
    let mut first = None;
    // 京A·12345: the letter stands before the separator.
    if head.len() < start
        && let Some(c) = head.chars().next_back().filter(char::is_ascii_alphabetic)
    {
        first = Some(c);
        head = &head[..head.len() - 1];
    }
    let province = head
        .chars()
        .next_back()
        .filter(|c| PROVINCES.contains(*c))?;
    let from = head.len() - province.len_utf8();
    let token = &b[start..end];
    let suffix = scan.after(end).filter(|c| "学警港澳挂领使".contains(*c));
    let body = match first {
        Some(_) => token,
        None if token[0].is_ascii_alphabetic() => &token[1..],
        None if province == '使' && token.len() >= 5 => token,
        None => return None,
    };
    let letters =
        |c: &u8| c.is_ascii_alphabetic() && !matches!(c.to_ascii_uppercase(), b'I' | b'O');
    let digits = body.iter().filter(|c| c.is_ascii_digit()).count();
    let long = body.len() == 5 || body.len() == 6;
    let short = body.len() == 4 && suffix.is_some();
    let fits =
        (long || short) && digits >= 2 && body.iter().all(|c| c.is_ascii_digit() || letters(c));
    let end = end + suffix.filter(|_| short).map_or(0, char::len_utf8);
    fits.then_some((from, end))
}

pub(super) fn emails(scan: &Scan, out: &mut Vec<Span>) {
    let b = scan.bytes;
    let mut floor = 0;
    for at in memchr::memchr_iter(b'@', b) {
        let local =
            |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'%' | b'+' | b'-');
        let n = b[floor..at].iter().rev().take_while(|c| local(c)).count();
        let domain = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-');
        let mut end = at + 1 + b[at + 1..].iter().take_while(|c| domain(c)).count();
        while end > at + 1 && !b[end - 1].is_ascii_alphanumeric() {
            end -= 1;
        }
        if n == 0 || !b[at + 1..end].contains(&b'.') {
            continue;
        }
        out.push(Span {
            start: at - n,
            end,
            kind: MaskKind::Email,
        });
        floor = end;
    }
}

/// lixigang艾特163点com.
pub(super) fn spoken_email(scan: &Scan, hit: &Hit, out: &mut Vec<Span>) {
    let local =
        |c: char| c.is_ascii_alphanumeric() || "._-".contains(c) || checks::spoken(c).is_some();
    let head = &scan.text[..hit.start];
    let start = head.trim_end_matches(local).len();
    let rest = &scan.text[hit.end..];
    let end = hit.end + rest.len()
        - rest
            .trim_start_matches(|c: char| local(c) || c == '点')
            .len();
    if start < hit.start && scan.text[hit.end..end].contains(['点', '.']) {
        out.push(Span {
            start,
            end,
            kind: MaskKind::Email,
        });
    }
}
