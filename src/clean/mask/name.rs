//! Full names behind a cue: 我叫, 投诉人：, 客户经理. Surname list, given-name characters and what follows decide the length.
//! Law: a surname alone is no name; words that begin with a surname (高级, 安排) are none behind a weak cue. When in doubt about
//! the length the longer reading is taken. Titles and signatures are in `people`.

use super::{Class, Hit, MaskKind, Masker, Scan, Span};
use crate::clean::normalise::is_hanzi;
use crate::clean::tables::{GivenRank, SurnameRank};

/// How much a cue proves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// 姓名：王伟
    Field,
    /// 我叫王伟
    Said,
    /// 客户经理王伟
    Role,
}

/// A reading of the characters at a place as a name.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub end: usize,
    /// What follows cannot belong to the name.
    pub firm: bool,
    /// Nothing follows but a mark, a digit or the end.
    pub closed: bool,
}

/// Words that make the characters before them an institution or a place.
pub(super) const INSTITUTIONS: [&str; 33] = [
    "银行",
    "支行",
    "分行",
    "公司",
    "保险",
    "人寿",
    "财险",
    "证券",
    "支付",
    "信托",
    "基金",
    "小贷",
    "消费金融",
    "集团",
    "农商",
    "信用社",
    "医院",
    "学校",
    "大学",
    "中学",
    "小学",
    "派出所",
    "法院",
    "网点",
    "营业",
    "金融",
    "担保",
    "理财",
    "物流",
    "商城",
    "科技",
    "钱包",
    "路店",
];

impl Masker {
    pub(super) fn surname(&self, c: char) -> Option<SurnameRank> {
        self.tables.surnames.get(&c).copied()
    }

    pub(super) fn never(&self, c: char) -> bool {
        self.tables.given.get(&c) == Some(&GivenRank::Never)
    }

    pub(super) fn doubtful(&self, c: char) -> bool {
        matches!(
            self.tables.given.get(&c),
            Some(GivenRank::Never | GivenRank::Doubtful)
        )
    }

    pub(super) fn not_name(&self, a: char, b: char) -> bool {
        self.tables.not_names.contains(&[a, b])
    }

    /// Whether a title starts at `at`.
    pub(super) fn title_at(&self, text: &str, at: usize) -> bool {
        self.titles.at(&text[at..]).is_some()
    }

    /// The name that starts at `at`, as far as `proof` allows.
    pub(super) fn name_at(&self, scan: &Scan, at: usize, proof: Proof) -> Option<Reading> {
        let text = scan.text;
        let mut chars = text[at..].chars();
        let c1 = chars.next().filter(|c| is_hanzi(*c))?;
        if let Some(r) = dotted(text, at) {
            return Some(r);
        }
        let c2 = chars.next().filter(|c| is_hanzi(*c))?;
        let compound = self.tables.compound.contains(&[c1, c2]);
        let rank = match self.surname(c1) {
            _ if compound => SurnameRank::Common,
            Some(r) => r,
            None if proof == Proof::Field => return self.whole_field(scan, at),
            None => return None,
        };
        if chars.clone().next() == Some('某') || c2 == '某' {
            return None;
        }
        let given = at + c1.len_utf8() + if compound { c2.len_utf8() } else { 0 };
        if self.title_at(text, given) || self.institution(text, at) {
            return None;
        }
        let r = self.given(text, given).or_else(|| {
            // 司马 may be 司 + 马; a compound without a given name is a plain surname.
            (compound && self.surname(c1).is_some())
                .then(|| self.given(text, at + c1.len_utf8()))
                .flatten()
        })?;
        let word = !compound && self.not_name(c1, c2);
        let typical = |one_is_enough: bool| {
            let mut chars = text[given.min(r.end)..r.end].chars();
            let is = |c: char| self.tables.given.get(&c) == Some(&GivenRank::Typical);
            if one_is_enough {
                chars.any(is)
            } else {
                chars.all(is)
            }
        };
        let accepted = match (proof, rank) {
            (Proof::Said, SurnameRank::Rare) if r.closed => true,
            (Proof::Field | Proof::Said, SurnameRank::Common) => !word || r.closed,
            (Proof::Field | Proof::Said, SurnameRank::Rare | SurnameRank::Titled) => {
                !word && r.firm
            }
            (Proof::Field, SurnameRank::Word) => r.closed,
            (Proof::Role, SurnameRank::Common) => {
                !word && r.firm && !self.doubtful(c2) && (r.closed || compound || typical(true))
            }
            (Proof::Role, SurnameRank::Rare) => {
                !word && !self.doubtful(c2) && (r.closed || r.firm && typical(false))
            }
            _ => false,
        };
        // A compound surname is hardly ever anything else.
        let sure = compound && r.end > given && typical(true);
        (accepted || sure).then_some(r)
    }

    /// One or two given-name characters from `at` on.
    fn given(&self, text: &str, at: usize) -> Option<Reading> {
        let mut chars = text[at..].chars();
        let mut next = || chars.next().filter(|c| is_hanzi(*c));
        let g1 = next().filter(|c| !self.never(*c))?;
        let (g2, g3, g4) = (next(), next(), next());
        let one = at + g1.len_utf8();
        let reading = |end, firm, closed| Some(Reading { end, firm, closed });
        let Some(g2) = g2 else {
            return if self.doubtful(g1) && "于将会以能".contains(g1) {
                None
            } else {
                reading(one, true, true)
            };
        };
        let two = one + g2.len_utf8();
        let after =
            |a: char, b: Option<char>| b.is_some_and(|b| self.tables.after_name.contains(&[a, b]));
        if self.never(g2) || self.title_at(text, one) {
            return (!self.doubtful(g1))
                .then_some(())
                .and_then(|()| reading(one, true, false));
        }
        let Some(g3) = g3 else {
            return reading(two, true, true);
        };
        if after(g2, Some(g3)) || self.doubtful(g2) && !self.never(g3) {
            return (!self.doubtful(g1))
                .then_some(())
                .and_then(|()| reading(one, true, false));
        }
        if region(g2) || region(g3) && !after(g3, g4) {
            return None;
        }
        let firm = self.doubtful(g3) || after(g3, g4) || self.title_at(text, two);
        reading(two, firm, false)
    }

    /// A field that holds nothing but a name of another sort (姓名：次仁卓玛).
    fn whole_field(&self, scan: &Scan, at: usize) -> Option<Reading> {
        let run: Vec<char> = scan.text[at..]
            .chars()
            .take_while(|c| is_hanzi(*c))
            .take(6)
            .collect();
        let end = at + run.iter().map(|c| c.len_utf8()).sum::<usize>();
        if run.len() < 2 {
            return None;
        }
        let plain =
            run.iter().filter(|c| self.never(**c)).count() < 2 && !self.not_name(run[0], run[1]);
        let text: String = run.iter().collect();
        let general = [
            "是", "的", "不", "要", "人", "客户", "匿名", "保密", "先生", "女士", "银行", "公司",
            "详见", "无名", "某", "经理", "储户", "市民",
        ];
        ((2..=4).contains(&run.len()) && plain && !general.iter().any(|g| text.contains(g)))
            .then_some(Reading {
                end,
                firm: true,
                closed: true,
            })
    }

    /// 江澄银行: an institution's name, unless a card, account or slip follows (王伟银行卡).
    fn institution(&self, text: &str, at: usize) -> bool {
        let rest = &text[at..];
        for (k, (i, c)) in rest.char_indices().take(7).enumerate() {
            if !is_hanzi(c) {
                return false;
            }
            let here = &rest[i..];
            if k >= 2
                && let Some((w, ())) = self.institutions.at(here)
            {
                let after = here[w.len()..].chars().next();
                return !after.is_some_and(|c| "卡账流".contains(c));
            }
            if k >= 1 && self.never(c) {
                return false;
            }
        }
        false
    }
}

/// Endings of places and bodies: what ends so is no person.
fn region(c: char) -> bool {
    "省市区县镇乡村路街行司店院校局厅".contains(c)
}

/// 阿依古丽·买买提: parts of hanzi with dots between.
fn dotted(text: &str, at: usize) -> Option<Reading> {
    let part = |at: usize| -> (usize, usize) {
        let run = text[at..].chars().take_while(|c| is_hanzi(*c)).take(12);
        run.fold((at, 0), |(end, n), c| (end + c.len_utf8(), n + 1))
    };
    let (mut end, first) = part(at);
    if first == 0 || first > 10 || !text[end..].starts_with('·') {
        return None;
    }
    while let Some(rest) = text[end..].strip_prefix('·') {
        let from = text.len() - rest.len();
        let (to, n) = part(from);
        if n == 0 {
            return None;
        }
        // The last part ends before the words that follow it.
        let stop = text[from..to]
            .char_indices()
            .skip(1)
            .find(|(_, c)| "的在于是我他她说称要来打等向和与去将被把给先女电也有名对因已到投反今至现从申咨表认为".contains(*c))
            .map_or(to, |(k, _)| from + k);
        end = stop;
        if stop < to {
            break;
        }
    }
    Some(Reading {
        end,
        firm: true,
        closed: true,
    })
}

pub(super) fn from_cue(masker: &Masker, scan: &Scan, hit: &Hit, out: &mut Vec<Span>) {
    let text = scan.text;
    let mut at = hit.end;
    let mut colon = false;
    if hit.class == Class::NameLabel && speaks(scan, hit) {
        return;
    }
    match hit.class {
        Class::NameAsk => {
            let (to, linked) = super::labelled::skip_links(masker, scan, after_question(scan, at));
            at = to;
            for w in ["我叫", "我是", "姓名", "我姓", "叫"] {
                if let Some(rest) = text[at..].strip_prefix(w) {
                    at = text.len() - rest.len();
                }
            }
            if !linked && at == hit.end {
                return;
            }
        }
        _ => loop {
            let rest = &text[at..];
            if at == hit.end && rest.starts_with('\n') && hit.class == Class::NameLabel {
                at += 1;
                colon = true;
                continue;
            }
            let step = [
                "：", "|", "（", "“", "是", "为", "叫做", "叫", " ", "姓名", "名字", "名叫",
            ]
            .iter()
            .find(|w| rest.starts_with(**w));
            match step {
                Some(w) => {
                    colon |= matches!(*w, "：" | "|" | "姓名");
                    at += w.len();
                }
                None => break,
            }
            if at > hit.end + 24 {
                return;
            }
        },
    }
    let proof = match hit.class {
        Class::NameLabel if colon => Proof::Field,
        Class::NameLabel | Class::NameSay | Class::NameAsk => Proof::Said,
        _ => Proof::Role,
    };
    let strict_ask = hit.class == Class::NameAsk || (hit.class == Class::NameRole && colon);
    let Some(r) = masker.name_at(scan, at, proof) else {
        return;
    };
    if strict_ask && !r.closed {
        return;
    }
    push(masker, scan, at, r, out);
    // 王伟、李娜和张强
    let mut at = r.end;
    for _ in 0..20 {
        let rest = &text[at..];
        let Some(sep) = ["、", "和", "与", "及", "以及"]
            .iter()
            .find(|s| rest.starts_with(**s))
        else {
            return;
        };
        at += sep.len();
        match masker.name_at(scan, at, Proof::Role) {
            Some(r) => {
                push(masker, scan, at, r, out);
                at = r.end;
            }
            None => return,
        }
    }
}

/// 来电人：… 来电人：…: a label that comes again is a speaker's, not a field's.
fn speaks(scan: &Scan, hit: &Hit) -> bool {
    let label = &scan.text[hit.start..hit.end];
    if !scan.text[hit.end..].starts_with('：') {
        return false;
    }
    let again = memchr::memmem::find_iter(scan.bytes, label);
    again
        .filter(|at| scan.text[at + label.len()..].starts_with('：'))
        .nth(1)
        .is_some()
}

fn push(masker: &Masker, scan: &Scan, start: usize, r: Reading, out: &mut Vec<Span>) {
    let mut put = |end| {
        out.push(Span {
            start,
            end,
            kind: MaskKind::Name,
        })
    };
    put(r.end);
    // An unsure third character: the shorter name counts too where it stands again.
    if !r.firm {
        let name = &scan.text[start..r.end];
        let shorter = name.char_indices().next_back().map_or(0, |(k, _)| k);
        let mut chars = name.chars();
        let known = chars
            .next()
            .zip(chars.next())
            .is_some_and(|(a, b)| masker.not_name(a, b));
        if shorter >= 6 && !known {
            put(start + shorter);
        }
    }
}

/// Past the rest of a question to the place where its answer starts.
fn after_question(scan: &Scan, at: usize) -> usize {
    let tail: usize = scan.text[at..]
        .chars()
        .take(8)
        .take_while(|c| is_hanzi(*c))
        .map(char::len_utf8)
        .sum();
    match scan.after(at + tail) {
        Some('？' | '，' | '。') => at + tail,
        _ => at,
    }
}
