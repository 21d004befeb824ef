//! Values that only their cue makes personal: policies, contracts, orders, passports, WeChat, QQ, passwords; and numbers whose
//! shape is broken but whose cue is clear. Law: a value is taken whole; public hotlines, dates and amounts stay.

use memchr::memmem;

use super::spoken;
use super::{Class, Hit, MaskKind, Masker, Scan, Span, checks, number};
use crate::clean::normalise::is_hanzi;

pub(super) fn find(masker: &Masker, scan: &Scan, hit: &Hit, out: &mut Vec<Span>) {
    // A Latin cue is a word of its own (wx, but not the wx of wxid).
    let cue = &scan.text[hit.start..hit.end];
    if cue.is_ascii()
        && (scan
            .before(hit.start)
            .is_some_and(|c| c.is_ascii_alphanumeric())
            || scan.after(hit.end).is_some_and(|c| c.is_ascii_alphabetic()))
        && !scan.text[hit.start..].starts_with("wxid_")
    {
        return;
    }
    let (at, linked) = skip_links(masker, scan, hit.end);
    match hit.class {
        Class::Number(kind) => {
            let start = if scan.text[hit.start..].starts_with("wxid_") {
                hit.start
            } else {
                at
            };
            match kind {
                MaskKind::Qq => before_qq(scan, hit.start, out),
                MaskKind::PolicyNo | MaskKind::ContractNo | MaskKind::OrderNo => {
                    before_cue(scan, hit.start, kind, out);
                }
                _ => {}
            }
            if let Some(end) = value(masker, scan, cue, kind, start, linked) {
                // What led to the value is no part of it.
                let lead = match kind {
                    MaskKind::Secret => scan.text[start..end]
                        .find(|c: char| checks::spoken(c).is_some() || c.is_ascii()),
                    _ => None,
                };
                let start = start + lead.unwrap_or(0);
                out.push(Span { start, end, kind });
                more(masker, scan, cue, kind, end, out);
            }
        }
        Class::Code => code(masker, scan, at, out),
        Class::Cvv => {
            let n = digits(scan, at);
            if (3..=4).contains(&n) {
                put(out, at, at + n, MaskKind::Secret);
            }
        }
        Class::Expiry => expiry(scan, at, out),
        Class::Tail => {
            let near =
                |h: &&Hit| matches!(h.class, Class::Expiry | Class::Cvv) && h.end + 60 >= hit.start;
            let n = digits(scan, at);
            if n == 3
                && scan
                    .hits
                    .iter()
                    .take_while(|h| h.end <= hit.start)
                    .any(|h| near(&h))
            {
                put(out, at, at + n, MaskKind::Secret);
            }
        }
        _ => {}
    }
}

fn put(out: &mut Vec<Span>, start: usize, end: usize, kind: MaskKind) {
    out.push(Span { start, end, kind });
}

fn digits(scan: &Scan, at: usize) -> usize {
    scan.bytes[at..]
        .iter()
        .take_while(|c| c.is_ascii_digit())
        .count()
}

/// Past 是, ：, 号码 and the like; past a question and the label of the next turn if something was asked.
pub(super) fn skip_links(masker: &Masker, scan: &Scan, from: usize) -> (usize, bool) {
    let mut at = from;
    let mut asked = false;
    for _ in 0..10 {
        let rest = &scan.text[at..];
        let Some(c) = rest.chars().next() else { break };
        let value_next = |c: Option<char>| {
            c.is_some_and(|c| c.is_ascii_alphanumeric() || checks::spoken(c).is_some())
        };
        let next_line =
            || c == '\n' && !asked && masker.speakers.label_end(scan.text, at + 1).is_none();
        if c == ' ' || next_line() {
            at += 1;
        } else if c == '，'
            && !asked
            && (value_next(rest.chars().nth(1))
                || masker.tables.links.at(&rest[c.len_utf8()..]).is_some())
        {
            at += c.len_utf8();
        } else if let Some(n) = opening(rest) {
            at += n;
        } else if c == '（'
            && rest[c.len_utf8()..]
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count()
                == 4
        {
            break;
        } else if let Some((w, asks)) = masker.tables.links.at(rest) {
            at += w.len();
            asked |= asks;
        } else if asked && "，。、嗯\n".contains(c) {
            at += c.len_utf8();
            if c == '\n'
                && let Some(end) = masker.speakers.label_end(scan.text, at)
            {
                at = end;
            }
        } else if asked && is_hanzi(c) {
            match masker.speakers.label_end(scan.text, at) {
                Some(end) => at = end,
                None => break,
            }
        } else {
            break;
        }
    }
    (at, at > from)
}

/// Length of “E开头的” or “零开头的”, which repeats how the value begins.
fn opening(rest: &str) -> Option<usize> {
    let said = rest
        .chars()
        .next()
        .filter(|c| checks::spoken(*c).is_some() && !c.is_ascii());
    let n = match said {
        Some(c) => c.len_utf8(),
        None => rest
            .bytes()
            .take(3)
            .take_while(u8::is_ascii_alphanumeric)
            .count(),
    };
    let tail = rest[n..].strip_prefix("开头")?;
    let tail = tail.strip_prefix('的').unwrap_or(tail);
    (n > 0).then_some(rest.len() - tail.len())
}

/// L2019110500382716，这个是保单号: the number stands before its cue.
fn before_cue(scan: &Scan, cue: usize, kind: MaskKind, out: &mut Vec<Span>) {
    let head = &scan.text[..cue];
    let Some(head) = ["这个是", "就是", "是"]
        .iter()
        .find_map(|w| head.strip_suffix(w))
    else {
        return;
    };
    let head = head.trim_end_matches(['，', '”', ' ']);
    let start = head
        .trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '-')
        .len();
    let value = &head[start..];
    let n_digits = value.bytes().filter(u8::is_ascii_digit).count();
    if (8..=32).contains(&value.len()) && n_digits >= 6 && !is_dated(value.as_bytes()) {
        put(out, start, head.len(), kind);
    }
}

/// End of the value of `kind` that starts at `at`.
fn value(
    masker: &Masker,
    scan: &Scan,
    cue: &str,
    kind: MaskKind,
    at: usize,
    linked: bool,
) -> Option<usize> {
    if scan.held_at(at).is_some() {
        return None;
    }
    let end = token(scan, at, kind);
    let b = &scan.bytes[at..end];
    let n_digits = b.iter().filter(|c| c.is_ascii_digit()).count();
    let n = b.iter().filter(|c| c.is_ascii_alphanumeric()).count();
    let plain = n_digits == b.len();
    if checks::hotline(&masker.tables.hotlines, &scan.text[at..end]) {
        return None;
    }
    let numbered = cue.ends_with('号') || cue.ends_with("编号") || cue.ends_with("号码") || linked;
    match kind {
        MaskKind::PolicyNo | MaskKind::ContractNo | MaskKind::OrderNo => {
            if let Some(end) = in_groups(scan, at)
                .or_else(|| mixed(scan, at, 7..=32))
                .or_else(|| file_number(scan, at))
            {
                return Some(end);
            }
            let dated = is_dated(b) && n_digits <= 8;
            let fits =
                (8..=40).contains(&n) && n_digits >= 4 && !dated && !number::amount(scan, at, end);
            fits.then_some(end)
        }
        MaskKind::Id18 => {
            if (14..=20).contains(&n) && n_digits >= 14 && b.iter().all(u8::is_ascii_alphanumeric) {
                return Some(end);
            }
            if plain && n == 8 && scan.mentions(MaskKind::Permit) {
                return Some(end);
            }
            said(scan, at, 15..=18)
        }
        MaskKind::Card => {
            let named = cue.ends_with('号')
                || cue.ends_with('户')
                || cue.ends_with('折')
                || cue.ends_with('是');
            let fits = plain
                && (8..=24).contains(&n)
                && named
                && !is_dated(b)
                && !number::amount(scan, at, end);
            if fits && !checks::mobile(b) {
                return Some(end);
            }
            said(scan, at, 13..=19)
        }
        MaskKind::Phone => {
            let run = spoken::read(scan.text, at);
            if let Some(end) = spoken::mobile_end(&run) {
                return Some(end);
            }
            let any_said = !scan.text.is_char_boundary(at + 1);
            let d = &run.digits[..run.n];
            let fixed = any_said && (checks::area_and_local(d) || checks::local(d));
            (fixed && run.n > 0).then(|| run.ends[run.n - 1])
        }
        MaskKind::Passport | MaskKind::Permit => {
            if (7..=11).contains(&n) && n_digits >= 6 && n == b.len() && !checks::mobile(b) {
                return Some(end);
            }
            mixed(scan, at, 7..=11)
        }
        MaskKind::Uscc => {
            if (15..=20).contains(&n) && n_digits >= 8 && n == b.len() {
                return Some(end);
            }
            spaced_code(scan, at)
        }
        MaskKind::Plate => {
            if let Some(end) = said_plate(scan, at) {
                return Some(end);
            }
            let fits =
                (5..=8).contains(&n) && b[0].is_ascii_alphabetic() && n_digits >= 3 && n == b.len();
            fits.then_some(end)
        }
        MaskKind::Wechat => {
            let marked = n_digits > 0 || b.contains(&b'_') || (numbered && n >= 6);
            (n >= 5 && (6..=24).contains(&b.len()) && marked && !number::amount(scan, at, end))
                .then_some(end)
        }
        MaskKind::Qq => {
            if plain && (5..=11).contains(&n) && !number::amount(scan, at, end) {
                return Some(end);
            }
            said(scan, at, 5..=11).or_else(|| mixed(scan, at, 6..=11))
        }
        MaskKind::Secret => secret(scan, at, end, linked),
        _ => None,
    }
}

/// The longest token of characters that a value of `kind` may hold.
fn token(scan: &Scan, at: usize, kind: MaskKind) -> usize {
    let extra: &[u8] = match kind {
        MaskKind::Wechat => b"_-",
        MaskKind::Secret => b"_-@#$%^&*.!+",
        MaskKind::PolicyNo | MaskKind::ContractNo | MaskKind::OrderNo => b"-_/.",
        _ => b"",
    };
    let b = scan.bytes;
    let mut end = at;
    while end < b.len() && (b[end].is_ascii_alphanumeric() || extra.contains(&b[end])) {
        end += 1;
    }
    if kind == MaskKind::Secret && end > at && scan.text[end..].starts_with('！') {
        end += '！'.len_utf8();
    }
    while end > at && !b[end - 1].is_ascii_alphanumeric() && kind != MaskKind::Secret {
        end -= 1;
    }
    end
}

/// 8800 1234 5678: digits in groups of three to eight with a space or hyphen between.
fn in_groups(scan: &Scan, at: usize) -> Option<usize> {
    in_groups_of(scan, at, 8)
}

fn in_groups_of(scan: &Scan, at: usize, least: usize) -> Option<usize> {
    let (mut end, mut total, mut groups) = (at, 0, 0);
    loop {
        let n = digits(scan, end);
        let next = scan.bytes.get(end + n).copied().unwrap_or(0);
        if !(3..=8).contains(&n) || next.is_ascii_alphabetic() {
            break;
        }
        groups += 1;
        total += n;
        end += n;
        if next != b' ' || !scan.bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end += 1;
    }
    let end = scan.text[..end].trim_end_matches(' ').len();
    (groups >= 2 && total >= least && digits(scan, at) < 8 && !number::amount(scan, at, end))
        .then_some(end)
}

/// A date, with or without separators, alone or with a time behind it.
fn is_dated(b: &[u8]) -> bool {
    let mut d = [b'0'; 8];
    let (mut n, mut part, mut parts) = (0, 0, [0usize; 3]);
    for c in b {
        if c.is_ascii_digit() {
            if n < 8 {
                d[n] = *c;
            }
            n += 1;
            parts[part] += 1;
        } else if part < 2 && matches!(c, b'-' | b'/' | b'.') {
            part += 1;
        } else {
            return false;
        }
    }
    if part == 2 {
        return parts[0] == 4 && b.starts_with(b"20") && parts[1] <= 2 && parts[2] <= 2;
    }
    part == 0 && n == 8 && checks::is_date(&d)
}

/// A number said digit by digit, with so many digits.
fn said(scan: &Scan, at: usize, count: std::ops::RangeInclusive<usize>) -> Option<usize> {
    if scan.after(at).is_none_or(|c| c.is_ascii()) {
        return None;
    }
    let run = spoken::read(scan.text, at);
    if count.contains(&run.n) {
        return Some(run.ends[run.n - 1]);
    }
    // More may be said behind it; the longest fitting part that a pause closes.
    (0..run.n)
        .rev()
        .find(|k| count.contains(&(k + 1)) && run.pause[*k])
        .map(|k| run.ends[k])
}

/// EP 2309 1182 7364, E七七二零三九一八: letters first, then digits written or said, in groups.
fn mixed(scan: &Scan, from: usize, count: std::ops::RangeInclusive<usize>) -> Option<usize> {
    let (mut at, mut end, mut letters, mut n_digits) = (from, from, 0, 0);
    while let Some(c) = scan.after(at) {
        if c.is_ascii_alphabetic() && n_digits == 0 && letters < 6 {
            letters += 1;
        } else if checks::spoken(c).is_some() {
            n_digits += 1;
        } else if (c == ' ' || c == '-') && end == at && at > from {
            at += 1;
            continue;
        } else if c.is_ascii_alphabetic() {
            return None;
        } else {
            break;
        }
        at += c.len_utf8();
        end = at;
    }
    let fits =
        count.contains(&(letters + n_digits)) && n_digits >= 6 && !is_dated(&scan.bytes[from..end]);
    (fits && !number::amount(scan, from, end)).then_some(end)
}

/// 2021年杭西字第00872号, （2020）苏0105民初1234号: brackets, year and characters up to 号.
fn file_number(scan: &Scan, from: usize) -> Option<usize> {
    let mut n_digits = 0;
    for (k, (i, c)) in scan.text[from..].char_indices().take(32).enumerate() {
        if c.is_ascii_digit() {
            n_digits += 1;
        } else if c == '号' && n_digits >= 5 && k >= 8 {
            let body = &scan.text[from..from + i];
            return (body.contains(['字', '第', '（']) || body.contains("民初"))
                .then_some(from + i + c.len_utf8());
        } else if !(is_hanzi(c) || c.is_ascii_alphabetic() || "（）[]-〔〕".contains(c))
            || k == 0 && is_hanzi(c)
        {
            return None;
        }
    }
    None
}

/// 9199 0405 MA7B 3CDE 29: eighteen characters of a credit code in groups.
fn spaced_code(scan: &Scan, from: usize) -> Option<usize> {
    let mut code = [0u8; 18];
    let mut n = 0;
    for (k, c) in scan.bytes[from..].iter().enumerate() {
        if c.is_ascii_alphanumeric() {
            code[n] = *c;
            n += 1;
            if n == 18 {
                let end = from + k + 1;
                let open = scan
                    .bytes
                    .get(end)
                    .is_none_or(|c| !c.is_ascii_alphanumeric());
                return (open && checks::uscc_shape(&code)).then_some(end);
            }
        } else if !matches!(c, b' ' | b'-') {
            return None;
        }
    }
    None
}

/// 鄂A幺二三K九.
fn said_plate(scan: &Scan, from: usize) -> Option<usize> {
    let mut chars = scan.text[from..].char_indices();
    let (_, province) = chars.next()?;
    let (_, letter) = chars.next()?;
    if !is_hanzi(province) || !letter.is_ascii_alphabetic() {
        return None;
    }
    let mut n = 0;
    for (k, c) in chars {
        if c.is_ascii_alphabetic() || checks::spoken(c).is_some() {
            n += 1;
            if n == 6 {
                return Some(from + k + c.len_utf8());
            }
        } else if " ，·".contains(c) && n == 0 {
            continue;
        } else {
            return (n == 5).then_some(from + k);
        }
    }
    (n == 5).then_some(scan.text.len())
}

/// 3617720948这个QQ: the number stands before its cue.
fn before_qq(scan: &Scan, cue: usize, out: &mut Vec<Span>) {
    let head = &scan.text[..cue];
    let linked = [
        "这个",
        "的",
        "两个",
        "这两个",
        "是我",
        "我的",
        "个",
        "是",
        "加",
        "",
    ];
    let head = linked
        .iter()
        .filter_map(|w| head.strip_suffix(w))
        .min_by_key(|h| h.len())
        .unwrap_or(head);
    let mut end = head.len();
    for _ in 0..4 {
        let head = &scan.text[..end];
        let start = head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let n = end - start;
        let glued = scan
            .before(start)
            .is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
        if !(6..=11).contains(&n) || glued || checks::mobile(&scan.bytes[start..end]) {
            return;
        }
        put(out, start, end, MaskKind::Qq);
        match scan.text[..start].strip_suffix(['、', '，', '和']) {
            Some(h) => end = h.len(),
            None => return,
        }
    }
}

/// Further values of the same kind: 、 和 及 between them.
fn more(masker: &Masker, scan: &Scan, cue: &str, kind: MaskKind, from: usize, out: &mut Vec<Span>) {
    let listed = matches!(
        kind,
        MaskKind::PolicyNo
            | MaskKind::ContractNo
            | MaskKind::OrderNo
            | MaskKind::Passport
            | MaskKind::Qq
            | MaskKind::Wechat
    );
    if !listed {
        return;
    }
    let mut at = from;
    loop {
        let rest = &scan.text[at..];
        let Some(sep) = ["、", "，", "；", "以及", "和", "及", "与", "/", " ", "或"]
            .iter()
            .find(|s| rest.starts_with(**s))
        else {
            return;
        };
        let start = at + sep.len();
        if scan.after(start).is_none_or(|c| !c.is_ascii_alphanumeric()) {
            return;
        }
        match value(masker, scan, cue, kind, start, false) {
            Some(end) => {
                put(out, start, end, kind);
                at = end;
            }
            None => return,
        }
    }
}

/// A password: letters and digits behind its cue, not a count (密码3次).
fn secret(scan: &Scan, at: usize, end: usize, linked: bool) -> Option<usize> {
    let b = &scan.bytes[at..end];
    let n_digits = b.iter().filter(|c| c.is_ascii_digit()).count();
    let counted = scan
        .after(end)
        .is_some_and(|c| "次位个元天分年月日号遍回多".contains(c))
        && n_digits == b.len();
    if counted {
        return None;
    }
    if let Some(end) = in_groups_of(scan, at, 6) {
        return Some(end);
    }
    if b.len() >= 4 && b.len() <= 32 && (n_digits >= 1 || (linked && b.len() >= 6)) {
        return Some(end);
    }
    said(scan, at, 4..=12).or_else(|| told(scan, at))
}

/// 密码我写在纸上：abc7788, 密码，我就说了583920: a few words between, then six digits or letters and digits.
fn told(scan: &Scan, from: usize) -> Option<usize> {
    let mut at = from;
    for _ in 0..9 {
        let c = scan.after(at)?;
        if c.is_ascii_alphanumeric() {
            break;
        }
        if !(is_hanzi(c) || "，：“".contains(c)) {
            return None;
        }
        at += c.len_utf8();
    }
    let end = token(scan, at, MaskKind::Secret);
    let b = &scan.bytes[at..end];
    let n_digits = b.iter().filter(|c| c.is_ascii_digit()).count();
    let counted = scan
        .after(end)
        .is_some_and(|c| "次位个元块万天分年月日号遍回多%.".contains(c));
    let digits = b.len() == 6 && n_digits == 6;
    let mixed =
        b.len() >= 6 && n_digits >= 1 && n_digits < b.len() && scan.before(at) == Some('：');
    (at > from && !counted && (digits || mixed)).then_some(end)
}

/// A one-time code: four to eight digits, at once or a few words behind its cue.
fn code(masker: &Masker, scan: &Scan, from: usize, out: &mut Vec<Span>) {
    let mut at = from;
    for _ in 0..9 {
        let Some(c) = scan.after(at) else { return };
        if c.is_ascii_digit() {
            let n = digits(scan, at);
            let end = at + n;
            let counted = scan
                .after(end)
                .is_some_and(|c| "次位个元块万天分年月日号条遍秒.,%".contains(c));
            let glued = scan.before(at).is_some_and(|c| c.is_ascii_alphanumeric());
            let public = checks::hotline(&masker.tables.hotlines, &scan.text[at..end]);
            if (4..=8).contains(&n) && !counted && !glued && !public {
                put(out, at, end, MaskKind::Secret);
            }
            return;
        }
        if checks::spoken(c).is_some()
            && let Some(end) = said(scan, at, 4..=8)
        {
            put(out, at, end, MaskKind::Secret);
            return;
        }
        if !(is_hanzi(c) || "，：“".contains(c)) {
            return;
        }
        at += c.len_utf8();
    }
}

/// A card's expiry: MM/YY or MMYY.
fn expiry(scan: &Scan, at: usize, out: &mut Vec<Span>) {
    let b = &scan.bytes[at..];
    // 2027年9月 with the code behind it is a card's; alone it may be a policy's.
    if b.starts_with(b"20")
        && let Some(rest) = scan.text[at..].get(4..).and_then(|r| r.strip_prefix('年'))
    {
        let n = rest.bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 4 + '年'.len_utf8() + n + '月'.len_utf8();
        let coded = |h: &Hit| {
            matches!(h.class, Class::Cvv | Class::Tail) && h.start >= end && h.start <= end + 45
        };
        if (1..=2).contains(&n) && rest[n..].starts_with('月') && scan.hits.iter().any(coded) {
            put(out, at, end, MaskKind::Secret);
        }
        return;
    }
    let month = matches!(b, [b'0', b'1'..=b'9', ..] | [b'1', b'0'..=b'2', ..]);
    if !month {
        return;
    }
    let sep = usize::from(matches!(b.get(2), Some(b'/' | b'-')));
    let n = digits(scan, at + 2 + sep);
    if n == 2 || (n == 4 && sep == 1) {
        put(out, at, at + 2 + sep + n, MaskKind::Secret);
    }
}

/// Values found by their cue, wherever they stand again in the text without it. Secrets are not compared.
pub(super) fn again(masker: &Masker, scan: &Scan, out: &mut Vec<Span>) {
    let n = out.len();
    for k in 0..n {
        let (start, end, kind) = (out[k].start, out[k].end, out[k].kind);
        let value = &scan.text[start..end];
        let told = !matches!(
            kind,
            MaskKind::Name | MaskKind::NamePartial | MaskKind::Secret | MaskKind::Phone
        );
        if !told || value.len() < 6 || out[..k].iter().any(|s| scan.text[s.start..s.end] == *value)
        {
            continue;
        }
        if checks::hotline(&masker.tables.hotlines, value) {
            continue;
        }
        for at in memmem::find_iter(scan.bytes, value) {
            let glued = |c: Option<char>, v: Option<char>| {
                c.is_some_and(|c| c.is_ascii_alphanumeric())
                    && v.is_some_and(|c| c.is_ascii_alphanumeric())
            };
            let left = glued(scan.before(at), value.chars().next());
            let right = glued(scan.after(at + value.len()), value.chars().next_back());
            if at != start && !left && !right {
                put(out, at, at + value.len(), kind);
            }
        }
    }
}
