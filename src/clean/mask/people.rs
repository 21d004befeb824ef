//! People found without a field: surname or name before a title (王先生), a name before its number, a signature; and every
//! further place of a name once found. Law: the title stays; a surname inside a word (对方女士) is none.

use memchr::memmem;

use super::name::Proof;
use super::{Hit, MaskKind, Masker, Scan, Span};
use crate::clean::normalise::is_hanzi;
use crate::clean::tables::{GivenRank, SurnameRank, Tables};

fn put(out: &mut Vec<Span>, start: usize, end: usize, kind: MaskKind) {
    out.push(Span { start, end, kind });
}

/// A title, or (without one) 本人 behind a full name.
#[inline(never)]
pub(super) fn titled(
    masker: &Masker,
    scan: &Scan,
    hit: &Hit,
    title: Option<u16>,
    out: &mut Vec<Span>,
) {
    if let Some(t) = title {
        let (_, not_before) = &masker.tables.titles[t as usize];
        if scan.after(hit.end).is_some_and(|c| not_before.contains(c)) {
            return;
        }
    }
    let head = &scan.text[..hit.start];
    let mut back = head.chars().rev();
    let mut next = || back.next().filter(|c| is_hanzi(*c));
    let Some(c1) = next() else { return };
    let c2 = next();
    let c3 = c2.and_then(|_| next());
    let c4 = c3.and_then(|_| next());
    if scan
        .before(hit.start - c1.len_utf8())
        .is_some_and(|c| c.is_ascii_digit())
    {
        return;
    }
    let len = |cs: &[char]| -> usize { cs.iter().map(|c| c.len_utf8()).sum() };
    let common = |c: char| matches!(masker.surname(c), Some(SurnameRank::Common));
    let stops = |c: Option<char>| c.is_none_or(|c| masker.doubtful(c) || "小老姓位".contains(c));
    let given = |c: char| !masker.doubtful(c);
    let compound = |a: char, b: char| masker.tables.compound.contains(&[a, b]);
    // 欧阳建国先生, 王建国先生, 王伟先生
    if let (Some(c2), Some(c3)) = (c2, c3) {
        if let Some(c4) = c4
            && compound(c4, c3)
            && given(c2)
            && given(c1)
        {
            return put(
                out,
                hit.start - len(&[c1, c2, c3, c4]),
                hit.start,
                MaskKind::Name,
            );
        }
        let full =
            (common(c3) && !masker.not_name(c3, c2) || compound(c3, c2)) && given(c2) && given(c1);
        let joined = masker.not_name(c2, c1) || c4.is_some_and(|c4| masker.not_name(c4, c3));
        if full
            && !joined
            && (!common(c1) || stops(c4))
            && !masker.tables.false_surnames.contains(&[c2, c1])
        {
            return put(
                out,
                hit.start - len(&[c1, c2, c3]),
                hit.start,
                MaskKind::Name,
            );
        }
    }
    if let Some(c2) = c2 {
        if compound(c2, c1) && title.is_some() {
            return put(
                out,
                hit.start - len(&[c1, c2]),
                hit.start,
                MaskKind::NamePartial,
            );
        }
        let full = common(c2) && given(c1) && !masker.not_name(c2, c1);
        let joined = c3.is_some_and(|c3| {
            masker.not_name(c3, c2) || masker.tables.false_surnames.contains(&[c3, c2])
        });
        if full && !joined && (!common(c1) || stops(c3)) && c1 != '某' {
            return put(out, hit.start - len(&[c1, c2]), hit.start, MaskKind::Name);
        }
    }
    let word = scan
        .after(hit.start)
        .is_some_and(|t| masker.not_name(c1, t));
    if word
        || title.is_none()
        || c2.is_some_and(|c2| masker.tables.false_surnames.contains(&[c2, c1]))
    {
        return;
    }
    let fits = match masker.surname(c1) {
        Some(SurnameRank::Common) => !c2.is_some_and(|c2| masker.not_name(c2, c1)),
        Some(SurnameRank::Rare | SurnameRank::Titled) => stops(c2),
        _ => false,
    };
    // 姐, 哥, 工, 总: one character is a title only where the surname stands free.
    let short = hit.end - hit.start <= 3;
    if fits && (!short || stops(c2)) {
        put(
            out,
            hit.start - c1.len_utf8(),
            hit.start,
            MaskKind::NamePartial,
        );
    }
}

/// 李桂芳，身份证号…; 李桂芳（电话…: a name that fills the stretch before a number or its cue.
#[inline(never)]
pub(super) fn before_number(
    masker: &Masker,
    scan: &Scan,
    at: usize,
    bracket_only: bool,
    out: &mut Vec<Span>,
) {
    let head = scan.text[..at].trim_end_matches(['，', '（', '、', '：', '；', ' ', '“', '\n']);
    let bracket = scan.text[..at].ends_with('（');
    if head.len() == at || bracket_only && !bracket {
        return;
    }
    let run: Vec<char> = head
        .chars()
        .rev()
        .take(5)
        .take_while(|c| is_hanzi(*c))
        .collect();
    if !(2..=4).contains(&run.len()) {
        return;
    }
    let start = head.len() - run.iter().map(|c| c.len_utf8()).sum::<usize>();
    let (c1, c2) = (run[run.len() - 1], run[run.len() - 2]);
    let listed = masker.tables.compound.contains(&[c1, c2])
        || run.len() <= 3 && masker.surname(c1) == Some(SurnameRank::Common);
    if !listed || run[..run.len() - 1].iter().any(|c| masker.doubtful(*c)) {
        return;
    }
    if let Some(r) = masker.name_at(scan, start, Proof::Role)
        && r.end == head.len()
    {
        put(out, start, r.end, MaskKind::Name);
    }
}

/// A name alone in one of the last lines of a letter.
#[inline(never)]
pub(super) fn signature(masker: &Masker, scan: &Scan, out: &mut Vec<Span>) {
    if !scan.text.contains('\n') {
        return;
    }
    let mut end = scan.text.len();
    for _ in 0..3 {
        let start = scan.text[..end].rfind('\n').map_or(0, |k| k + 1);
        if start == 0 {
            return;
        }
        let line = scan.text[start..end].trim_end_matches(' ');
        let chars = line.chars().take(5).count();
        let rest_is_date = |at: usize| {
            scan.text[at..end]
                .chars()
                .all(|c| c.is_ascii_digit() || " .-/年月日，".contains(c))
        };
        if chars >= 2
            && let Some(r) = masker.name_at(scan, start, Proof::Role)
            && r.closed
            && rest_is_date(r.end)
        {
            put(out, start, r.end, MaskKind::Name);
        }
        end = start - 1;
    }
}

/// A name that fills the stretch between two marks: 。应嘉树，手机号… 代表：商玉芬、冷学斌等。
#[inline(never)]
pub(super) fn alone(masker: &Masker, scan: &Scan, out: &mut Vec<Span>) {
    let mut run: Vec<char> = Vec::new();
    let (mut start, mut left) = (0, '\n');
    for (at, c) in scan.text.char_indices().chain([(scan.text.len(), '\n')]) {
        if is_hanzi(c) && c != '等' && run.len() < 5 {
            if run.is_empty() {
                start = at;
            }
            run.push(c);
            continue;
        }
        if !run.is_empty() && fills(masker, scan, start, &run, left, c) {
            put(out, start, at, MaskKind::Name);
        }
        run.clear();
        // What stands behind a hanzi, or behind 等, is the middle of a stretch.
        left = c;
    }
}

/// Whether `run`, which starts at byte `start` between `left` and `right`, is a name.
#[inline(never)]
fn fills(
    masker: &Masker,
    scan: &Scan,
    start: usize,
    run: &[char],
    left: char,
    right: char,
) -> bool {
    if is_hanzi(left) || is_hanzi(right) && right != '等' {
        return false;
    }
    let compound = run.len() >= 3 && masker.tables.compound.contains(&[run[0], run[1]]);
    let (surname, given) = run.split_at(if compound { 2 } else { 1 });
    let typical = |c: &&char| masker.people.of(**c) & TYPICAL != 0;
    let n_typical = given.iter().filter(typical).count();
    let called = start + surname.iter().map(|c| c.len_utf8()).sum::<usize>();
    let stops = given.iter().any(|c| masker.people.of(*c) & STOP != 0);
    if given.is_empty() || stops || masker.title_at(scan.text, called) {
        return false;
    }
    if compound {
        return match given.len() {
            1 => n_typical == 1,
            2 => n_typical >= 1,
            _ => false,
        };
    }
    let word = run.windows(2).any(|w| masker.not_name(w[0], w[1]));
    let rank = masker.surname(run[0]);
    let listed = matches!(rank, Some(SurnameRank::Common | SurnameRank::Rare));
    match given.len() {
        // Two characters are a name only in a list, in a field or on a line of their own.
        1 => {
            let apart = matches!(left, '\n' | '、' | '：') || matches!(right, '\n' | '、');
            listed && n_typical == 1 && apart && !word
        }
        2 => match rank {
            _ if word => false,
            Some(SurnameRank::Common) => n_typical >= 1,
            Some(_) => n_typical == 2,
            None => false,
        },
        _ => false,
    }
}

/// Every further place of the names found.
#[inline(never)]
pub(super) fn again(scan: &Scan, names: &[Span], out: &mut Vec<Span>) {
    for (k, s) in names.iter().enumerate() {
        let name = &scan.text[s.start..s.end];
        if s.kind != MaskKind::Name
            || names[..k]
                .iter()
                .any(|p| &scan.text[p.start..p.end] == name)
        {
            continue;
        }
        for at in memmem::find_iter(scan.bytes, name) {
            put(out, at, at + name.len(), MaskKind::Name);
        }
    }
}

/// What each hanzi can be in a name, one byte a character.
pub(super) struct Traits(Box<[u8]>);

const SURNAME: u8 = 1;
const TYPICAL: u8 = 2;
const STOP: u8 = 4;

impl Traits {
    pub(super) fn new(tables: &Tables) -> Self {
        let mut t = vec![0u8; 0xA000 - 0x4E00];
        let mut add = |c: char, bit: u8| {
            if let Some(b) = (c as usize).checked_sub(0x4E00).and_then(|k| t.get_mut(k)) {
                *b |= bit;
            }
        };
        for (c, rank) in &tables.surnames {
            if *rank == SurnameRank::Common {
                add(*c, SURNAME);
            }
        }
        for pair in &tables.compound {
            add(pair[0], SURNAME);
        }
        for (c, rank) in &tables.given {
            add(
                *c,
                if *rank == GivenRank::Typical {
                    TYPICAL
                } else {
                    STOP
                },
            );
        }
        Traits(t.into())
    }

    #[inline]
    fn of(&self, c: char) -> u8 {
        let k = (c as usize).wrapping_sub(0x4E00);
        self.0.get(k).copied().unwrap_or(STOP)
    }
}

/// A name without a cue: surname and two typical given-name characters, with a mark or a function word on either side.
#[inline(never)]
pub(super) fn free(masker: &Masker, scan: &Scan, out: &mut Vec<Span>) {
    let traits = &masker.people;
    let mut left = STOP;
    for (at, c) in scan.text.char_indices() {
        let here = traits.of(c);
        let opens = left & STOP != 0;
        left = here;
        if here & SURNAME == 0 || !opens {
            continue;
        }
        let mut chars = scan.text[at..].chars().skip(1);
        let mut next = || chars.next().unwrap_or('\n');
        let c2 = next();
        let compound = masker.tables.compound.contains(&[c, c2]);
        let (g1, g2) = if compound {
            (next(), next())
        } else {
            (c2, next())
        };
        let (t1, t2) = (traits.of(g1), traits.of(g2));
        let enough = if compound {
            (t1 | t2) & TYPICAL != 0 && (t1 | t2) & STOP == 0
        } else {
            t1 & t2 & TYPICAL != 0
        };
        let surname = if compound { 6 } else { 3 };
        if !enough || masker.title_at(scan.text, at + surname) {
            continue;
        }
        if masker.not_name(c, c2) {
            continue;
        }
        if !compound && (masker.surname(c) != Some(SurnameRank::Common) || masker.not_name(g1, g2))
        {
            continue;
        }
        let end = at + 9 + if compound { 3 } else { 0 };
        let after = scan.after(end);
        let second = after.and_then(|a| scan.after(end + a.len_utf8()));
        let ends = after.is_none_or(|a| traits.of(a) & STOP != 0)
            || after
                .zip(second)
                .is_some_and(|(a, b)| masker.tables.after_name.contains(&[a, b]))
            || masker.title_at(scan.text, end);
        if ends {
            put(out, at, end, MaskKind::Name);
        }
    }
}
