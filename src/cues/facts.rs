//! Amounts, dates, head-counts, days ago and ages, read backwards from their unit word.

use std::ops::Range;

/// A sum of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// In hundredths of a yuan.
    pub fen: i64,
    /// Not the size of a contract, a limit or an income.
    pub disputed: bool,
    pub range: Range<usize>,
}

/// A date as the text has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateMention {
    pub range: Range<usize>,
    /// Year (if said), month, day.
    pub ymd: (Option<i16>, i8, i8),
}

/// A number that the text states, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    pub value: u32,
    pub range: Range<usize>,
}

/// All facts of one text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts {
    pub amounts: Vec<Amount>,
    pub dates: Vec<DateMention>,
    /// Those who complain together: the largest count.
    pub people: Option<Stated>,
    /// Days between the event and now: the smallest.
    pub days_ago: Option<Stated>,
    /// Age of the person affected: the largest.
    pub age: Option<Stated>,
}

/// What a unit word measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Yuan,
    /// 万 or w, with or without 元 behind it.
    TenThousand,
    Day,
    People,
    DaysAgo,
    /// A word that is itself a number of days ago.
    Ago(u32),
    Years,
}

/// Unit words of the automaton.
pub(super) const UNITS: &[(&str, Unit)] = &[
    ("元", Unit::Yuan),
    ("块", Unit::Yuan),
    ("万", Unit::TenThousand),
    ("w", Unit::TenThousand),
    ("日", Unit::Day),
    ("号", Unit::Day),
    ("个人", Unit::People),
    ("人", Unit::People),
    ("户", Unit::People),
    ("名", Unit::People),
    ("位", Unit::People),
    ("天前", Unit::DaysAgo),
    ("昨天", Unit::Ago(1)),
    ("昨晚", Unit::Ago(1)),
    ("昨日", Unit::Ago(1)),
    ("前天", Unit::Ago(2)),
    ("大前天", Unit::Ago(3)),
    ("今天", Unit::Ago(0)),
    ("今早", Unit::Ago(0)),
    ("今晨", Unit::Ago(0)),
    ("今日", Unit::Ago(0)),
    ("刚才", Unit::Ago(0)),
    ("刚刚", Unit::Ago(0)),
    ("小时前", Unit::Ago(0)),
    ("分钟前", Unit::Ago(0)),
    ("岁", Unit::Years),
];

impl Facts {
    /// The range that each number lies in, by the limits of the labelling guide (2, 5 and 20 people, 3 days, 50,000 yuan, 60).
    pub(super) fn ranges(&self) -> impl Iterator<Item = &'static str> {
        let people = self.people.as_ref().map(|p| match p.value {
            ..5 => "people 2-4",
            5..20 => "people 5-19",
            _ => "people 20+",
        });
        let days = self.days_ago.as_ref().map(|d| match d.value {
            0 => "day 0",
            1..=3 => "days 1-3",
            _ => "days 4+",
        });
        let age = self.age.as_ref().map(|a| match a.value {
            ..18 => "age -17",
            18..60 => "age 18-59",
            _ => "age 60+",
        });
        let disputed = self.amounts.iter().filter(|a| a.disputed);
        let amount = disputed.map(|a| a.fen).max().map(|fen| match fen {
            ..10_000 => "yuan -99",
            10_000..100_000 => "yuan 100-",
            100_000..1_000_000 => "yuan 1,000-",
            1_000_000..5_000_000 => "yuan 10,000-",
            _ => "yuan 50,000+",
        });
        [people, days, age, amount].into_iter().flatten()
    }

    pub(super) fn read(
        &mut self,
        text: &str,
        unit_at: Range<usize>,
        unit: Unit,
        received: Option<(i16, i8, i8)>,
    ) {
        let before = &text[..unit_at.start];
        match unit {
            Unit::Yuan | Unit::TenThousand => self.read_amount(text, before, unit_at, unit),
            Unit::Day => self.read_date(before, unit_at, received),
            Unit::People => self.read_people(text, before, unit_at),
            Unit::DaysAgo => {
                if let Some((n, start)) = number_before(before) {
                    self.ago(n as u32, start..unit_at.end);
                }
            }
            Unit::Ago(n) => self.ago(n, unit_at),
            Unit::Years => {
                if let Some((n, start)) = number_before(before)
                    && (1.0..=110.0).contains(&n)
                {
                    let older = self.age.as_ref().is_none_or(|a| f64::from(a.value) < n);
                    if older {
                        self.age = Some(Stated {
                            value: n as u32,
                            range: start..unit_at.end,
                        });
                    }
                }
            }
        }
    }

    /// Puts everything in text order.
    pub(super) fn finish(&mut self) {
        self.amounts.sort_by_key(|a| a.range.start);
        self.dates.sort_by_key(|d| d.range.start);
    }

    fn ago(&mut self, n: u32, range: Range<usize>) {
        if self.days_ago.as_ref().is_none_or(|d| n < d.value) {
            self.days_ago = Some(Stated { value: n, range });
        }
    }

    fn read_amount(&mut self, text: &str, before: &str, unit_at: Range<usize>, unit: Unit) {
        // 3万元 is read at 万; the 元 behind it belongs to it.
        if unit == Unit::Yuan && before.ends_with(['万', 'w', '亿']) {
            return;
        }
        let Some((mut value, start)) = number_before(before) else {
            return;
        };
        let mut end = unit_at.end;
        if unit == Unit::TenThousand {
            value *= 1e4;
            let tail = &text[end..];
            let yuan = ["多元", "余元", "元", "块钱", "块", "多块", "多"];
            if let Some(word) = yuan.iter().find(|w| tail.starts_with(**w)) {
                end += word.len();
            } else if let Some(c) = tail.chars().next().filter(|c| digit(*c).is_some()) {
                // 三万五, 3万5: the next digit counts thousands.
                value += digit(c).unwrap_or(0.0) * 1e3;
                end += c.len_utf8();
            }
            let tail = &text[end..];
            // 5万人, 3万公里, 十万火急: no money.
            if [
                "人", "公里", "次", "播", "浏", "阅", "转", "火", "粉", "点赞", "名", "条", "里",
            ]
            .iter()
            .any(|w| tail.starts_with(w))
            {
                return;
            }
        } else if text[end..].starts_with("钱") {
            end += "钱".len();
        }
        if !(0.01..1e11).contains(&value) {
            return;
        }
        let lead = tail_chars(&before[..start], 8);
        let contract = [
            "合同",
            "房贷余额",
            "贷款余额",
            "保额",
            "保险金额",
            "额度",
            "授信",
            "月薪",
            "年薪",
            "收入",
            "资产",
            "注册资本",
            "贷了",
            "贷款",
            "借了",
            "房价",
            "总价",
            "身家",
            "限额",
            "年费",
            "保费",
            "门槛",
            "价值",
        ];
        self.amounts.push(Amount {
            fen: (value * 100.0).round() as i64,
            disputed: !contract.iter().any(|w| lead.contains(w)),
            range: start..end,
        });
    }

    fn read_date(&mut self, before: &str, unit_at: Range<usize>, received: Option<(i16, i8, i8)>) {
        let Some((day, day_start)) = number_before(before) else {
            return;
        };
        let Some(head) = before[..day_start].strip_suffix('月') else {
            return;
        };
        let Some((month, mut start)) = number_before(head) else {
            return;
        };
        if !(1.0..=31.0).contains(&day) || !(1.0..=12.0).contains(&month) {
            return;
        }
        let mut year = None;
        if let Some(head) = head[..start].strip_suffix('年')
            && let Some((y, s)) = number_before(head)
            && (1990.0..2100.0).contains(&y)
        {
            year = Some(y as i16);
            start = s;
        }
        let range = start..unit_at.end;
        if let Some(today) = received
            && year.is_none_or(|y| y == today.0)
        {
            // Within a month the difference of days is enough: older events are not recent.
            let days = (i32::from(today.1) - month as i32) * 31 + i32::from(today.2) - day as i32;
            if (0..=10).contains(&days) {
                self.ago(days as u32, range.clone());
            }
        }
        self.dates.push(DateMention {
            range,
            ymd: (year, month as i8, day as i8),
        });
    }

    fn read_people(&mut self, text: &str, before: &str, unit_at: Range<usize>) {
        let Some((n, start)) = number_before(before) else {
            return;
        };
        if !(2.0..=5000.0).contains(&n) {
            return;
        }
        let lead = tail_chars(&before[..start], 10);
        let tail: String = text[unit_at.end..].chars().take(10).collect();
        let joint = [
            "我们", "一共", "总共", "共有", "联名", "联合", "集体", "咱们", "一起", "共",
        ];
        let follow = [
            "联名",
            "一起",
            "一块",
            "联合",
            "集体",
            "都被",
            "都遇到",
            "业主",
            "投资人",
            "受害",
            "签名",
            "维权",
            "要求",
            "都要",
        ];
        let wrong = [
            "客服",
            "换了",
            "找了",
            "问了",
            "打了",
            "家里",
            "家",
            "前面",
            "排",
            "柜员",
            "经办",
            "第",
            "工作人员",
        ];
        if wrong.iter().any(|w| lead.ends_with(w))
            || !(joint.iter().any(|w| lead.contains(w)) || follow.iter().any(|w| tail.contains(w)))
        {
            return;
        }
        if self.people.as_ref().is_none_or(|p| f64::from(p.value) < n) {
            self.people = Some(Stated {
                value: n as u32,
                range: start..unit_at.end,
            });
        }
    }
}

fn tail_chars(text: &str, n: usize) -> &str {
    let start = text
        .char_indices()
        .rev()
        .nth(n.saturating_sub(1))
        .map_or(0, |(i, _)| i);
    &text[start..]
}

fn digit(c: char) -> Option<f64> {
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

/// The number that ends `before` (`12,800` `1.2` `三千五百` `八十多` `十几` `几十`), and where it begins.
fn number_before(before: &str) -> Option<(f64, usize)> {
    let trimmed = before.trim_end_matches(['多', '余', '来', '几', ' ']);
    let vague = trimmed.len() < before.len();
    let last = trimmed.chars().next_back()?;
    if last.is_ascii_digit() {
        let start = trimmed
            .char_indices()
            .rev()
            .find(|(_, c)| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .map_or(0, |(i, c)| i + c.len_utf8());
        let start =
            start + trimmed[start..].len() - trimmed[start..].trim_start_matches(['.', ',']).len();
        let digits: String = trimmed[start..].chars().filter(|c| *c != ',').collect();
        if digits.len() > 12 {
            return None;
        }
        return Some((digits.parse().ok()?, start));
    }
    let is_part =
        |c: char| digit(c).is_some() || matches!(c, '十' | '百' | '千' | '拾' | '佰' | '仟' | '几');
    let start = trimmed
        .char_indices()
        .rev()
        .find(|(_, c)| !is_part(*c))
        .map_or(0, |(i, c)| i + c.len_utf8());
    let part = &trimmed[start..];
    if part.is_empty() || part.chars().count() > 9 {
        return None;
    }
    let value = chinese(part)?;
    let _ = vague;
    Some((value, start))
}

/// 三千五百二十, 三千五, 十二, 二〇二五.
fn chinese(part: &str) -> Option<f64> {
    let (mut total, mut current, mut unit) = (0.0, None::<f64>, 1.0);
    let plain = !part
        .chars()
        .any(|c| matches!(c, '十' | '百' | '千' | '拾' | '佰' | '仟'));
    if plain {
        let digits = part.chars().map(digit).collect::<Option<Vec<_>>>()?;
        return Some(digits.iter().fold(0.0, |n, d| n * 10.0 + d));
    }
    for c in part.chars() {
        let scale = match c {
            '十' | '拾' => 10.0,
            '百' | '佰' => 100.0,
            '千' | '仟' => 1000.0,
            '几' => {
                current = Some(3.0);
                continue;
            }
            '零' => continue,
            _ => {
                current = Some(digit(c)?);
                continue;
            }
        };
        total += current.take().unwrap_or(1.0) * scale;
        unit = scale;
    }
    // 三千五 is 3500, 十二 is 12.
    if let Some(rest) = current {
        let zero = part.contains('零');
        total += if unit > 10.0 && !zero {
            rest * unit / 10.0
        } else {
            rest
        };
    }
    Some(total)
}
