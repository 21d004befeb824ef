//! Street-level addresses: parts like 省 市 区 路 小区 and numbered parts (138号, 12栋, 三组) in a chain, found from a numbered part
//! or behind a cue (家住). Law: a city, a district or a branch's name alone is no address; a chain ends before a verb.

use super::{Hit, MaskKind, Masker, Scan, Span};
use crate::clean::normalise::is_hanzi;

/// Endings of street-level parts.
const STREET: [&str; 40] = [
    "路",
    "街",
    "巷",
    "胡同",
    "弄",
    "大道",
    "大街",
    "小区",
    "花园",
    "公寓",
    "家园",
    "新村",
    "社区",
    "苑",
    "村",
    "庄",
    "里",
    "坊",
    "寨",
    "屯",
    "园区",
    "大厦",
    "广场",
    "家属院",
    "宿舍",
    "嘉园",
    "名苑",
    "雅苑",
    "新城",
    "山庄",
    "府",
    "湾",
    "园",
    "院",
    "道",
    "城",
    "楼",
    "屋",
    "宅",
    "镇",
];
/// Units of numbered parts, longest first.
const UNITS: [&str; 28] = [
    "号商位",
    "号铺",
    "号楼",
    "号院",
    "单元",
    "号",
    "栋",
    "幢",
    "室",
    "弄",
    "座",
    "组",
    "楼",
    "巷",
    "房",
    "铺",
    "队",
    "层",
    "门",
    "户",
    "区",
    "期",
    "排",
    "苑",
    "社",
    "街",
    "屯",
    "坊",
];
/// Bodies whose address is public.
const BODIES: [&str; 21] = [
    "支行",
    "分行",
    "营业",
    "网点",
    "银行",
    "分公司",
    "公司",
    "柜台",
    "窗口",
    "派出所",
    "法院",
    "线",
    "文",
    "令",
    "公告",
    "通知",
    "店",
    "客服",
    "机",
    "台",
    "柜",
];
const NUMERALS: &str = "一二三四五六七八九十百零〇两";

fn is_number_char(c: char) -> bool {
    c.is_ascii_digit() || c.is_ascii_alphabetic() || c == '-' || c == '#' || NUMERALS.contains(c)
}

/// Whether a chain going left must stop at `c`.
fn stops(masker: &Masker, scan: &Scan, at: usize, c: char) -> bool {
    let function = "我你您他她们的了在住是到于给从去来往说把被让和跟与及或送寄叫有这那就都也还并请要不对向为址址籍至称由回找该贵本每某户家人";
    if !function.contains(c) {
        return false;
    }
    let next = scan.after(at + c.len_utf8());
    let prev = scan.before(at);
    let pairs = &masker.tables.place_words;
    let word = next.is_some_and(|n| pairs.contains(&[c, n]))
        || prev.is_some_and(|p| pairs.contains(&[p, c]));
    // 李家村, 王家庄, 张家港
    let family = c == '家'
        && next.is_some_and(|n| "村庄湾沟坪坝河港屯寨窑园巷坊界墩集镇乡店桥山岭冲塘属".contains(n))
        && prev.is_some_and(is_hanzi);
    // 那坡镇 behind 田阳区, 望和园 behind 朝阳区: inside a chain of places.
    let inside = "和那对向来家从于有为同".contains(c)
        && scan.text[..at]
            .chars()
            .rev()
            .take(3)
            .any(|p| "省市区县镇乡村旗州".contains(p));
    !(word || family || inside)
}

/// From a numbered part: `at` is the unit's first byte.
pub(super) fn from_unit(masker: &Masker, scan: &Scan, hit: &Hit, out: &mut Vec<Span>) {
    let text = scan.text;
    let number: usize = text[..hit.start]
        .chars()
        .rev()
        .take(8)
        .take_while(|c| is_number_char(*c))
        .map(char::len_utf8)
        .sum();
    if number == 0 {
        return;
    }
    let number_at = hit.start - number;
    if matches!(
        scan.before(number_at),
        Some('第' | '月' | '年' | '工' | '近' | '约')
    ) || scan.held_at(number_at).is_some()
    {
        return;
    }
    let start = chain_start(masker, scan, number_at);
    let head = &text[start..number_at];
    let unit = &text[hit.start..];
    // A house needs a street before it; 栋, 单元, 室 after a number are one by themselves behind 住.
    let street = named_part(head);
    let digits = &text[number_at..hit.start];
    let counted = match unit.chars().next() {
        Some('座') => !digits.ends_with(|c: char| c.is_ascii_alphabetic()),
        Some('期') => digits.chars().count() > 1,
        _ => false,
    };
    let lived = head.is_empty()
        && text[..start].trim_end_matches('在').ends_with('住')
        && unit.starts_with(['栋', '幢', '单', '室']);
    if counted || !street && !lived {
        return;
    }
    let Some(end) = chain_end(masker, scan, number_at) else {
        return;
    };
    out.push(Span {
        start,
        end,
        kind: MaskKind::Address,
    });
}

/// Where the chain that ends at `end` begins.
fn chain_start(masker: &Masker, scan: &Scan, end: usize) -> usize {
    let mut at = end;
    for c in scan.text[..end].chars().rev().take(45) {
        let here = at - c.len_utf8();
        let broken =
            c == '\n' && at == end && STREET.iter().any(|s| scan.text[..here].ends_with(s));
        let part = broken || is_hanzi(c) || c.is_ascii_alphanumeric() || c == '-' || c == '·';
        if !part || stops(masker, scan, here, c) {
            break;
        }
        at = here;
    }
    // A cue inside the chain ends what stands before it (家庭住址杭州市…).
    let cue = scan
        .hits
        .iter()
        .filter(|h| h.class == super::Class::Address && h.start >= at && h.end <= end)
        .map(|h| h.end)
        .max();
    cue.unwrap_or(at)
}

/// A street, estate or village with a name before its ending.
fn named_part(head: &str) -> bool {
    STREET.iter().any(|s| {
        head.match_indices(s).any(|(k, _)| {
            let named = head[..k]
                .chars()
                .rev()
                .take_while(|c| is_hanzi(*c) || c.is_ascii_alphanumeric())
                .count();
            named >= 1
        })
    }) && !["银行", "公司", "柜台"].iter().any(|b| head.contains(b))
}

/// Takes numbered and named parts from `at` on; None if the chain leads to a public body.
fn chain_end(masker: &Masker, scan: &Scan, at: usize) -> Option<usize> {
    let text = scan.text;
    let mut end = at;
    loop {
        let street = end > at && STREET.iter().any(|s| text[at..end].ends_with(s));
        let gap =
            text[end..].starts_with([' ', '-', ',']) || street && text[end..].starts_with('\n');
        let from = end + usize::from(gap);
        if let Some(to) = numbered(text, from) {
            end = to;
            continue;
        }
        if let Some(to) = named(masker, scan, end) {
            end = to;
            continue;
        }
        break;
    }
    let rest = text[end..].trim_start_matches(['（', '的']);
    (!BODIES.iter().any(|b| rest.starts_with(b))).then_some(end)
}

/// 138号, A座, 三单元, 12栋, or a closing bare 502.
fn numbered(text: &str, at: usize) -> Option<usize> {
    let number: usize = text[at..]
        .chars()
        .take(9)
        .take_while(|c| is_number_char(*c))
        .map(char::len_utf8)
        .sum();
    if number == 0 {
        return None;
    }
    let rest = &text[at + number..];
    if let Some(u) = UNITS.iter().find(|u| rest.starts_with(**u)) {
        let mut end = at + number + u.len();
        // 左门, 之十三
        for tail in ["左门", "右门", "东户", "西户", "中户", "东门", "西门"] {
            if text[end..].starts_with(tail) {
                end += tail.len();
            }
        }
        if let Some(rest) = text[end..].strip_prefix('之') {
            let n: usize = rest
                .chars()
                .take_while(|c| is_number_char(*c))
                .map(char::len_utf8)
                .sum();
            end += if n > 0 { '之'.len_utf8() + n } else { 0 };
        }
        return Some(end);
    }
    let bare = &text[at..at + number];
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    let ends = rest.chars().next().is_none_or(|c| {
        "，。；、）！？\n ”".contains(c)
            || is_hanzi(c) && !"元万块年月日次个天人岁点分秒倍期条张笔".contains(c)
    });
    let said = bare.chars().filter(|c| NUMERALS.contains(*c)).count();
    let house = (2..=5).contains(&digits) || (digits > 0 && bare.contains('-')) || said >= 3;
    let pure = bare.is_ascii() || digits == 0;
    (house && pure && ends && at > 0).then_some(at + number)
}

/// A named part of up to eight characters, with a street-level or regional ending, that a number or another part follows.
fn named(masker: &Masker, scan: &Scan, at: usize) -> Option<usize> {
    let text = scan.text;
    let mut end = at;
    for (k, c) in text[at..].chars().take(10).enumerate() {
        let part = is_hanzi(c) || c.is_ascii_alphabetic();
        if !part || stops(masker, scan, end, c) {
            return None;
        }
        end += c.len_utf8();
        let so_far = &text[at..end];
        let closes = k >= 1
            && (STREET.iter().any(|s| so_far.ends_with(s)) || "省市区县旗州盟乡".contains(c));
        if closes {
            let rest = &text[end..];
            if BODIES.iter().any(|b| rest.starts_with(b)) {
                return None;
            }
            let more = numbered(text, end).is_some() || named(masker, scan, end).is_some();
            let stands =
                rest.chars().next().is_none_or(|c| !is_hanzi(c)) || stops_here(masker, scan, end);
            if more || (stands && STREET.iter().any(|s| so_far.ends_with(s))) {
                return Some(end);
            }
        }
    }
    None
}

fn stops_here(masker: &Masker, scan: &Scan, at: usize) -> bool {
    scan.after(at).is_some_and(|c| stops(masker, scan, at, c))
}

/// Behind 住址, 家住, 寄到: parts until they end; a street-level part must be among them.
pub(super) fn from_cue(masker: &Masker, scan: &Scan, hit: &Hit, out: &mut Vec<Span>) {
    let text = scan.text;
    let mut at = hit.end;
    loop {
        let rest = &text[at..];
        let step = [
            "：", "是", "为", "在", "于", " ", "（", "到", "址", "地", "现住",
        ]
        .iter()
        .find(|w| rest.starts_with(**w));
        match step {
            Some(w) if at < hit.end + 18 => at += w.len(),
            _ => break,
        }
    }
    if scan.held_at(at).is_some() {
        return;
    }
    let Some(end) = chain_end(masker, scan, at) else {
        return;
    };
    let chain = &text[at..end];
    let numbered_part = chain.chars().any(|c| c.is_ascii_digit());
    let strong = STREET[..22].iter().any(|s| chain.ends_with(s));
    let strict = !strong || &text[hit.start..hit.end] == "住" || chain.chars().count() < 3;
    if (named_part(chain) && (!strict || numbered_part)) && !chain.ends_with("银行") {
        out.push(Span {
            start: at,
            end,
            kind: MaskKind::Address,
        });
    }
}
