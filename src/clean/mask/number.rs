//! Runs of ASCII digits, whole or in groups, enter; phones, identity numbers, cards, fixed lines and credit codes leave.
//! Law: a run is taken whole or left whole. Order of proof: ID18, USCC, phone, fixed line, card, ID15. Amounts stay.
//! Numbers that only a cue makes personal (policies, orders) are found in `labelled`.

use super::{MaskKind, Masker, Scan, Span, alnum, checks};

/// One unbroken run of digits; `x` if the check letter of an identity number closes it.
#[derive(Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
    digits: usize,
}

const MAX_GROUPS: usize = 24;
/// How far a cue reaches to a number: 20 Chinese characters.
const REACH: usize = 60;

pub(super) fn find(masker: &Masker, scan: &Scan, out: &mut Vec<Span>) {
    let b = scan.bytes;
    let mut at = 0;
    while let Some(k) = b[at..].iter().position(u8::is_ascii_digit) {
        let k = at + k;
        if let Some(h) = scan.held_at(k) {
            at = h.end;
            continue;
        }
        let mut start = k;
        while start > at && b[start - 1].is_ascii_alphanumeric() {
            start -= 1;
        }
        let end = token_end(b, k);
        if !is_digits(&b[start..end]) {
            alnum::token(scan, start, end, out);
            at = end;
            continue;
        }
        let (groups, n) = collect(b, start);
        let groups = &groups[..n];
        let total: usize = groups.iter().map(|g| g.digits).sum();
        if total < 7 {
            at = groups[n - 1].end;
            continue;
        }
        let mut i = 0;
        while i < n {
            match best(masker, scan, groups, i) {
                Some((span, used)) => {
                    out.extend(span);
                    i += used;
                }
                None => i += 1,
            }
        }
        at = groups[n - 1].end.max(k + 1);
    }
}

fn token_end(b: &[u8], at: usize) -> usize {
    at + b[at..]
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric())
        .count()
}

/// Digits, with an x that may close 17 of them.
fn is_digits(d: &[u8]) -> bool {
    match d.split_last() {
        Some((b'x' | b'X', head)) => !head.is_empty() && head.iter().all(u8::is_ascii_digit),
        _ => d.iter().all(u8::is_ascii_digit),
    }
}

fn collect(b: &[u8], start: usize) -> ([Group; MAX_GROUPS], usize) {
    let mut groups = [Group::default(); MAX_GROUPS];
    let mut n = 0;
    let mut at = start;
    while n < MAX_GROUPS {
        let end = token_end(b, at);
        if end == at || !is_digits(&b[at..end]) {
            break;
        }
        groups[n] = Group {
            start: at,
            end,
            digits: end - at,
        };
        n += 1;
        if !b[end - 1].is_ascii_digit() {
            break;
        }
        let gap = match &b[end..] {
            [b' ' | b'-' | b'.' | b'\n' | b'/', next, ..] if next.is_ascii_digit() => 1,
            [b' ', b'-', b' ', next, ..] if next.is_ascii_digit() => 3,
            // — and ·
            [0xE2, 0x80, 0x94, next, ..] if next.is_ascii_digit() => 3,
            [0xC2, 0xB7, next, ..] if next.is_ascii_digit() => 2,
            _ => break,
        };
        at = end + gap;
    }
    (groups, n)
}

/// Digits of several groups behind each other.
struct Joined {
    d: [u8; 24],
    n: usize,
}

fn join(b: &[u8], groups: &[Group]) -> Option<Joined> {
    let mut j = Joined { d: [0; 24], n: 0 };
    for g in groups {
        for c in &b[g.start..g.end] {
            *j.d.get_mut(j.n)? = *c;
            j.n += 1;
        }
    }
    Some(j)
}

fn best(masker: &Masker, scan: &Scan, groups: &[Group], i: usize) -> Option<(Option<Span>, usize)> {
    let b = scan.bytes;
    let g = groups[i];
    let cue = scan.cue_before(g.start, REACH);
    let cued = |kind| cue.is_some_and(|c| c.0 == kind);
    let last = |j: usize| groups[j - 1].end;
    let span = |kind, j: usize| {
        let s = Span {
            start: g.start,
            end: last(j),
            kind,
        };
        Some((Some(s), j - i))
    };
    if let Some(j) = (i + 1..=groups.len().min(i + 4))
        .rev()
        .find(|j| public(masker, b, &groups[i..*j]))
    {
        return Some((None, j - i));
    }
    let d = &b[g.start..g.end];
    // One group that proves itself.
    match d.len() {
        18 if checks::id18_valid(d) => return span(MaskKind::Id18, i + 1),
        18 if checks::uscc_valid(d) && !cued(MaskKind::Card) => return span(MaskKind::Uscc, i + 1),
        18 if checks::id18_shape(d)
            || (cued(MaskKind::Id18) && d[..17].iter().all(u8::is_ascii_digit)) =>
        {
            return span(MaskKind::Id18, i + 1);
        }
        _ => {}
    }
    if amount(scan, g.start, g.end) {
        return None;
    }
    let phone = match d.len() {
        11 => checks::mobile(d),
        12 => d[0] == b'0' && checks::mobile(&d[1..]),
        13 => d.starts_with(b"86") && checks::mobile(&d[2..]),
        15 => d.starts_with(b"0086") && checks::mobile(&d[4..]),
        _ => false,
    };
    if phone {
        return phone_span(scan, g.start, last(i + 1), 1);
    }
    // Several groups that prove themselves together.
    for j in i + 2..=groups.len() {
        let Some(joined) = join(b, &groups[i..j]) else {
            break;
        };
        let d = &joined.d[..joined.n];
        if d.len() == 18
            && (checks::id18_valid(d) || (checks::id18_shape(d) && cued(MaskKind::Id18)))
        {
            return span(MaskKind::Id18, j);
        }
        if d.len() == 11 && checks::mobile(d) && phone_shape(&groups[i..j], cued(MaskKind::Phone)) {
            let fits = !amount(scan, g.start, last(j));
            return fits
                .then(|| phone_span(scan, g.start, last(j), j - i))
                .flatten();
        }
        if matches!(g.digits, 2..=4) && matches!(&b[g.start..g.end], b"86" | b"086" | b"0086") {
            let at = d.len().saturating_sub(11);
            if at == g.digits && checks::mobile(&d[at..]) && phone_shape(&groups[i + 1..j], true) {
                return phone_span(scan, g.start, last(j), j - i);
            }
        }
        if d.len() > 18 {
            break;
        }
    }
    if let Some((j, end)) = landline(scan, groups, i, cue) {
        let s = Span {
            start: bracketed_area(scan, country_code(scan, g.start)),
            end,
            kind: MaskKind::Landline,
        };
        let digits: String = scan.text[g.start..end]
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        if checks::hotline(&masker.tables.hotlines, &digits) {
            return None;
        }
        return Some((Some(s), j - i));
    }
    if let Some(j) = card(scan, groups, i, cued(MaskKind::Card)) {
        return span(MaskKind::Card, j);
    }
    let d = &b[g.start..g.end];
    if !scan.mentions(MaskKind::Id18) {
        return None;
    }
    if checks::id15_shape(d) {
        return span(MaskKind::Id15, i + 1);
    }
    (i + 2..=groups.len().min(i + 5))
        .find(|j| join(b, &groups[i..*j]).is_some_and(|d| checks::id15_shape(&d.d[..d.n])))
        .and_then(|j| span(MaskKind::Id15, j))
}

/// Whether the groups together are a public number (400-820-8888).
fn public(masker: &Masker, b: &[u8], groups: &[Group]) -> bool {
    let n: usize = groups.iter().map(|g| g.digits).sum();
    n >= 7
        && join(b, groups).is_some_and(|j| {
            std::str::from_utf8(&j.d[..j.n])
                .is_ok_and(|s| checks::hotline(&masker.tables.hotlines, s))
        })
}

fn phone_span(scan: &Scan, start: usize, end: usize, used: usize) -> Option<(Option<Span>, usize)> {
    let s = Span {
        start: country_code(scan, start),
        end,
        kind: MaskKind::Phone,
    };
    Some((Some(s), used))
}

/// Ways to write eleven digits in groups; the rarer ones only after a cue.
fn phone_shape(groups: &[Group], cued: bool) -> bool {
    match groups {
        [_] => true,
        [a, b] => matches!((a.digits, b.digits), (3, 8) | (7, 4)) || cued,
        [a, b, c] => matches!((a.digits, b.digits, c.digits), (3, 4, 4) | (4, 3, 4)) || cued,
        more => cued && more.len() <= 6,
    }
}

/// Start of `+86`, `0086-` or `86 ` before a number.
fn country_code(scan: &Scan, start: usize) -> usize {
    let b = &scan.bytes[..start];
    for code in ["（+86）", "（86）", "（0086）"] {
        if scan.text[..start].trim_end_matches(' ').ends_with(code) {
            return scan.text[..start].trim_end_matches(' ').len() - code.len();
        }
    }
    let b = match b {
        [head @ .., b'+'] => return head.len(),
        [head @ .., b' ' | b'-'] => head,
        b => b,
    };
    for code in [&b"+86"[..], b"0086", b"+0086"] {
        if b.ends_with(code) {
            return b.len() - code.len();
        }
    }
    start
}

/// Start of （010） before a local number.
fn bracketed_area(scan: &Scan, start: usize) -> usize {
    let Some(head) = scan.text[..start].strip_suffix('）') else {
        return start;
    };
    let body = head.trim_end_matches(|c: char| c.is_ascii_digit());
    match body.strip_suffix('（') {
        Some(open) if checks::area(&head.as_bytes()[body.len()..]) => open.len(),
        _ => start,
    }
}

/// Area code and number, or a bare number right behind a phone cue; with its extension.
fn landline(
    scan: &Scan,
    groups: &[Group],
    i: usize,
    cue: Option<(MaskKind, usize)>,
) -> Option<(usize, usize)> {
    let b = scan.bytes;
    let digits = |k: usize| groups.get(k).map(|g| &b[g.start..g.end]);
    let first = digits(i)?;
    let mut j = if checks::area_and_local(first) {
        i + 1
    } else if checks::area(first) && digits(i + 1).is_some_and(checks::local) {
        i + 2
    } else if matches!(first, b"86" | b"086" | b"0086")
        && (i + 2..=groups.len().min(i + 4)).any(|j| {
            join(b, &groups[i + 1..j]).is_some_and(|d| {
                let mut full = vec![b'0'];
                full.extend_from_slice(&d.d[..d.n]);
                checks::area_and_local(&full)
            })
        })
    {
        let tail = |j: &usize| groups[i + 1..*j].iter().map(|g| g.digits).sum::<usize>();
        (i + 2..=groups.len().min(i + 4))
            .rev()
            .find(|j| (9..=11).contains(&tail(j)))?
    } else if checks::area(first)
        && join(b, groups.get(i + 1..i + 3)?).is_some_and(|d| checks::local(&d.d[..d.n]))
    {
        i + 3
    } else {
        let near = cue.is_some_and(|(kind, end)| {
            kind == MaskKind::Phone
                && groups[i].start - end <= 12
                && !scan.text[end..groups[i].start].contains(['，', '。', '\n'])
        });
        if !near && bracketed_area(scan, groups[i].start) == groups[i].start {
            return None;
        }
        if checks::local(first) {
            i + 1
        } else if first.len() < 7
            && first.len() > 2
            && join(b, groups.get(i..i + 2)?).is_some_and(|d| checks::local(&d.d[..d.n]))
        {
            i + 2
        } else {
            return None;
        }
    };
    let mut end = groups[j - 1].end;
    if groups
        .get(j)
        .is_some_and(|g| g.digits <= 6 && b[end] == b'-')
    {
        end = groups[j].end;
        j += 1;
    } else {
        let rest = &scan.text[end..];
        let tail = rest.trim_start_matches(' ');
        for word in ["转分机", "分机号", "分机", "转", "ext"] {
            if let Some(t) = tail.strip_prefix(word) {
                let t = t.trim_start_matches([' ', '.', '：']);
                let n = t.bytes().take_while(u8::is_ascii_digit).count();
                if (1..=6).contains(&n) {
                    end += rest.len() - t.len() + n;
                }
                break;
            }
        }
    }
    Some((j, end))
}

fn card(scan: &Scan, groups: &[Group], i: usize, cued: bool) -> Option<usize> {
    let b = scan.bytes;
    let first = &b[groups[i].start..groups[i].end];
    if !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if (13..=19).contains(&first.len()) {
        let stamp = first.len() == 14 && checks::is_date(&first[..8]);
        return (!stamp && (cued || checks::card_prefix(first))).then_some(i + 1);
    }
    if !(4..=8).contains(&first.len()) {
        return None;
    }
    // 4-4-4-4-3 and the like: every group but the last has four to eight digits.
    let mut found = None;
    for j in i + 2..=groups.len() {
        let Some(joined) = join(b, &groups[i..j]) else {
            break;
        };
        if joined.n > 19
            || groups[i..j - 1]
                .iter()
                .any(|g| !(3..=8).contains(&g.digits))
        {
            break;
        }
        let d = &joined.d[..joined.n];
        if !d.iter().all(u8::is_ascii_digit) || joined.n < 13 {
            continue;
        }
        let fours = groups[i..j - 1].iter().all(|g| g.digits == 4) && j - i >= 3;
        let union_pay = d.starts_with(b"62") && d.len() >= 16;
        if cued || checks::card_prefix(d) && (fours || union_pay) {
            found = Some(j);
        }
    }
    let j = found?;
    (!amount(scan, groups[i].start, groups[j - 1].end)).then_some(j)
}

/// Money, a rate or a part of a larger figure: nobody's personal number.
pub(super) fn amount(scan: &Scan, start: usize, end: usize) -> bool {
    if matches!(scan.before(start), Some('¥' | '$' | '€' | '£')) {
        return true;
    }
    let b = scan.bytes;
    let thousands = b.get(end) == Some(&b',')
        && b[end + 1..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count()
            == 3
        && end - start <= 3;
    if thousands {
        return true;
    }
    let rest = scan.text[end..].trim_start_matches(' ');
    let unit = [
        "元",
        "万",
        "亿",
        "块",
        "%",
        "美元",
        "人民币",
        "港币",
        "日元",
        "欧元",
    ];
    unit.iter().any(|u| rest.starts_with(u)) && !rest.starts_with("元旦")
}
