//! Raw text enters, one canonical spelling leaves, with offsets back. Law: idempotent and total; a digit is never lost.
//! Canonical marks: ， 。 ！ ？ ； ： 、 “ ” （ ） … — · - ~ (ASCII , . : stay between digits or in Latin text). NFKC per character
//! except marks and enclosed numbers (① would glue to digits). Does not mask and does not know speakers.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::offsets::Offsets;

/// Low 21 bits: the character to write; high bits: what to do with it.
type Entry = u32;
const CHAR: u32 = 0x1F_FFFF;
const REMOVE: u32 = 1 << 24;
const EXPAND: u32 = 1 << 25;
/// Keeps a character off the fast path.
const LOOK: u32 = 1 << 30;

/// One sound or phrase that carries nothing (嗯, 就是说).
#[derive(Clone)]
pub(super) struct Filler {
    pub text: String,
    /// Removed also when a word follows at once, not only when it stands alone.
    pub lead: bool,
    /// Characters that make it part of a word (呃逆).
    pub not_before: String,
}

pub(super) struct Normaliser {
    table: Box<[Entry]>,
    fillers: BTreeMap<char, Vec<Filler>>,
}

pub(super) struct Normal {
    pub text: String,
    pub offsets: Offsets,
}

fn canonical_mark(c: char) -> Option<char> {
    Some(match c {
        '，' | '﹐' | '︐' => '，',
        '。' | '｡' => '。',
        '！' | '!' | '﹗' => '！',
        '？' | '?' | '﹖' => '？',
        '；' | ';' | '﹔' => '；',
        '：' | '∶' => '：',
        '﹕' => ':',
        '、' | '､' | '﹑' => '、',
        '“' | '„' | '‟' | '「' | '『' | '｢' | '﹁' | '﹃' | '〝' => '“',
        '”' | '」' | '』' | '｣' | '﹂' | '﹄' | '〞' => '”',
        '＂' => '"',
        '（' | '(' | '﹙' => '（',
        '）' | ')' | '﹚' => '）',
        '…' | '⋯' | '‥' => '…',
        '—' | '―' | '─' | '━' | '⸺' => '—',
        '−' | '–' | '‐' | '‑' | '‒' | '－' | '﹣' => '-',
        '·' | '•' | '‧' | '∙' | '・' | '･' | '⋅' => '·',
        '\u{2028}' | '\u{2029}' | '\u{85}' | '\r' | '\u{b}' | '\u{c}' => '\n',
        '\t' => ' ',
        _ => return None,
    })
}

fn is_removed(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Marks of which a run is cut to one.
fn is_single(c: char) -> bool {
    matches!(
        c,
        '，' | '。' | '！' | '？' | '；' | '：' | '、' | '…' | '~' | '—' | '·' | '-' | '.'
    )
}

pub(super) fn is_spoken_digit(c: char) -> bool {
    matches!(
        c,
        '零' | '〇' | '幺' | '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '两'
    )
}

pub(super) fn is_hanzi(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '〇' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Hanzi and Chinese marks: no space is kept between two of these. The brackets of masks are left out, so that masking opens no
/// new place for this rule.
fn is_cjk(c: char) -> bool {
    is_hanzi(c)
        || matches!(
            c,
            '，' | '。'
                | '！'
                | '？'
                | '；'
                | '：'
                | '、'
                | '“'
                | '”'
                | '（'
                | '）'
                | '…'
                | '—'
                | '《'
                | '》'
                | '【'
                | '】'
                | '·'
        )
}

/// Marks after which a filler may start.
fn opens(c: char) -> bool {
    matches!(
        c,
        '\n' | '，' | '。' | '！' | '？' | '；' | '：' | '、' | '…'
    )
}

impl Normaliser {
    pub(super) fn new(fillers: Vec<Filler>) -> Self {
        let mut table: Vec<Entry> = (0..0x10000u32).collect();
        for (code, entry) in table.iter_mut().enumerate() {
            if let Some(c) = char::from_u32(code as u32) {
                *entry = entry_for(c);
            }
        }
        let mut by_first: BTreeMap<char, Vec<Filler>> = BTreeMap::new();
        for f in fillers {
            if let Some(c) = f.text.chars().next() {
                by_first.entry(c).or_default().push(f);
            }
        }
        for list in by_first.values_mut() {
            list.sort_by_key(|f| std::cmp::Reverse(f.text.len()));
        }
        Normaliser {
            table: table.into(),
            fillers: by_first,
        }
    }

    #[inline]
    fn entry(&self, c: char) -> Entry {
        match self.table.get(c as usize) {
            Some(e) => *e,
            None => entry_for(c),
        }
    }

    pub(super) fn apply(&self, raw: &str) -> Normal {
        let mut w = Writer::new(raw.len());
        let mut maybe_filler = false;
        let mut run = 0;
        let mut prev = '\0';
        let mut peek = true;
        for (i, c) in raw.char_indices() {
            let entry = self.entry(c);
            if entry == c as u32 && c != prev && w.pending.is_none() && !peek {
                prev = c;
                continue;
            }
            if run < i {
                w.copy(&raw[run..i], run);
            }
            run = i + c.len_utf8();
            if peek {
                let written = char::from_u32(entry & CHAR).unwrap_or(c);
                maybe_filler |= entry & EXPAND != 0 || self.fillers.contains_key(&written);
            }
            if entry & REMOVE == 0 {
                if entry & EXPAND != 0 {
                    for part in std::iter::once(c).nfkc() {
                        let e = self.entry(part) & CHAR;
                        w.put(char::from_u32(e).unwrap_or(part), i..run);
                    }
                } else {
                    w.put(char::from_u32(entry & CHAR).unwrap_or(c), i..run);
                }
                peek = w.pending.is_some() || opens(w.last);
            }
            prev = w.last;
        }
        if run < raw.len() {
            w.copy(&raw[run..], run);
        }
        w.finish();
        let n = Normal {
            text: w.text,
            offsets: w.offsets,
        };
        if maybe_filler && !self.fillers.is_empty() {
            self.drop_fillers(n)
        } else {
            n
        }
    }

    /// Takes fillers away that open a clause, with the mark or space that follows them.
    fn drop_fillers(&self, n: Normal) -> Normal {
        let t = &n.text;
        let mut cuts: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        let mut left = '\n';
        let mut before_left = '\0';
        while at < t.len() {
            if opens(left)
                && !(left == '：' && (before_left.is_ascii_digit() || before_left == '〕'))
                && let Some(len) = self.filler_at(&t[at..])
            {
                let mut end = at + len;
                while let Some(c) = t[end..].chars().next() {
                    let stays = match c {
                        ' ' => false,
                        '\n' => left != '\n',
                        _ => !opens(c),
                    };
                    if stays {
                        break;
                    }
                    end += c.len_utf8();
                }
                cuts.push((at, end));
                at = end;
                continue;
            }
            // On to the next place where a clause can open.
            match t[at..].char_indices().find(|(_, c)| opens(*c)) {
                None => break,
                Some((k, c)) => {
                    before_left = t[..at + k].chars().next_back().unwrap_or('\0');
                    left = c;
                    at += k + c.len_utf8();
                }
            }
        }
        if cuts.is_empty() {
            return n;
        }
        let mut text = String::with_capacity(t.len());
        let mut offsets = Offsets::default();
        let mut keep = |text: &mut String, from: usize, to: usize| {
            n.offsets.carry(from..to, text.len(), &mut offsets);
            text.push_str(&t[from..to]);
        };
        let mut from = 0;
        for (s, e) in cuts {
            keep(&mut text, from, s);
            from = e;
        }
        keep(&mut text, from, t.len());
        let end = text.trim_end_matches(['\n', ' ']).len();
        text.truncate(end);
        Normal { text, offsets }
    }

    fn filler_at(&self, rest: &str) -> Option<usize> {
        let first = rest.chars().next()?;
        for f in self.fillers.get(&first)? {
            if let Some(after) = rest.strip_prefix(f.text.as_str()) {
                let next = after.chars().next();
                let fits = match next {
                    None => true,
                    Some(c) if opens(c) => true,
                    Some(c) => f.lead && !f.not_before.contains(c),
                };
                if fits {
                    return Some(f.text.len());
                }
            }
        }
        None
    }
}

fn entry_for(c: char) -> Entry {
    if let Some(m) = canonical_mark(c) {
        // ':' alone is settled by its neighbours in the writer.
        return m as u32 | if m == c { LOOK } else { 0 };
    }
    if is_removed(c) {
        return c as u32 | REMOVE;
    }
    if c.is_whitespace() && c != '\n' {
        return ' ' as u32 | LOOK;
    }
    let mut nfkc = std::iter::once(c).nfkc();
    let (first, second) = (nfkc.next().unwrap_or(c), nfkc.next());
    if second.is_some() {
        let whole: String = std::iter::once(c).nfkc().collect();
        if whole.contains(|d: char| d.is_ascii_digit() || d == ' ') {
            return c as u32;
        }
        return c as u32 | EXPAND;
    }
    let full_or_maths = matches!(c, '\u{ff10}'..='\u{ff19}' | '\u{1d7ce}'..='\u{1d7ff}');
    if first.is_ascii_digit() && c != first && !full_or_maths {
        return c as u32;
    }
    let simple = simplified(canonical_mark(first).unwrap_or(first));
    // The writer decides about these by their neighbours; the bit keeps them off the fast path.
    let special = matches!(simple, ' ' | '\n' | '.' | ',' | ':' | '"');
    simple as u32 | if special { LOOK } else { 0 }
}

/// Traditional to simplified, one character for one, until nothing changes.
fn simplified(c: char) -> char {
    let mut c = c;
    if !is_hanzi(c) {
        return c;
    }
    for _ in 0..4 {
        let next = fast2s::convert(c.encode_utf8(&mut [0; 4]))
            .chars()
            .next()
            .unwrap_or(c);
        if next == c {
            break;
        }
        c = next;
    }
    c
}

/// A space, point, comma or colon whose form hangs on the next character.
struct Pending {
    mark: char,
    count: usize,
    src: std::ops::Range<usize>,
}

struct Writer {
    text: String,
    offsets: Offsets,
    last: char,
    /// How often `last` stands at the end.
    run: u32,
    pending: Option<Pending>,
    quote_open: bool,
}

impl Writer {
    fn new(capacity: usize) -> Self {
        Writer {
            text: String::with_capacity(capacity),
            offsets: Offsets::default(),
            last: '\n',
            run: 0,
            pending: None,
            quote_open: false,
        }
    }

    /// Takes over a stretch in which nothing changes and no character follows itself.
    #[inline]
    fn copy(&mut self, s: &str, src: usize) {
        self.offsets.copied(self.text.len(), src);
        self.text.push_str(s);
        self.last = s.chars().next_back().unwrap_or(self.last);
        self.run = 1;
    }

    fn put(&mut self, c: char, src: std::ops::Range<usize>) {
        if let Some(p) = &mut self.pending {
            if p.mark == c && matches!(c, ' ' | '.') {
                p.count += 1;
                p.src.end = src.end;
                return;
            }
            self.settle(Some(c));
        }
        match c {
            ' ' | '.' | ',' | ':' => {
                self.pending = Some(Pending {
                    mark: c,
                    count: 1,
                    src,
                });
            }
            '"' => {
                let mark = if self.quote_open { '”' } else { '“' };
                self.quote_open = !self.quote_open;
                self.write(mark, src);
            }
            '\n' if self.last == '\n' => {}
            _ => self.write(c, src),
        }
    }

    fn settle(&mut self, next: Option<char>) {
        let Some(p) = self.pending.take() else { return };
        // A mask counts as the number it may stand for, so that masking changes no mark.
        let digit_next = next.is_some_and(|c| c.is_ascii_digit() || c == '〔');
        let digit_last = self.last.is_ascii_digit() || self.last == '〕';
        let mark = match p.mark {
            ' ' => {
                // Before a mark whose form is still open no space stays, whatever the mark becomes.
                let edge = self.last == '\n' || next.is_none_or(|c| "\n.,:".contains(c));
                let inside = is_cjk(self.last) && next.is_some_and(|c| is_cjk(spelled(c)));
                if edge || inside {
                    return;
                }
                ' '
            }
            ',' if digit_last && digit_next => ',',
            ',' => '，',
            ':' if digit_last && digit_next => ':',
            ':' => '：',
            _ if p.count > 1 => '…',
            _ if is_cjk(self.last)
                && !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '〔') =>
            {
                '。'
            }
            other => other,
        };
        self.write(mark, p.src);
    }

    fn write(&mut self, c: char, src: std::ops::Range<usize>) {
        if c == self.last && !self.text.is_empty() {
            let limit = if is_single(c) || c == ' ' {
                1
            } else if c.is_ascii_digit() || is_spoken_digit(c) || matches!(c, '〔' | '〕') {
                // Of the brackets of masks none goes: a mask put in later would make one more.
                u32::MAX
            } else {
                3
            };
            if self.run >= limit {
                return;
            }
            self.run = self.run.saturating_add(1);
        } else {
            self.run = 1;
        }
        self.last = c;
        let out = self.text.len();
        if c.len_utf8() == src.len() {
            self.offsets.copied(out, src.start);
        } else {
            self.offsets.replaced(out, src);
        }
        self.text.push(c);
    }

    fn finish(&mut self) {
        self.settle(None);
        let end = self.text.trim_end_matches(['\n', ' ']).len();
        self.text.truncate(end);
    }
}

/// How a mark that is still open will be written, as far as the rule about spaces needs it.
fn spelled(c: char) -> char {
    match c {
        ',' => '，',
        ':' => '：',
        '"' => '”',
        c => c,
    }
}
