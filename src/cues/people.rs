//! Head-counts in, those who complain together out: 我们五人联名, 我和三个同事一起; not those who only stand by.

use super::facts::{Reader, Stated, word};
use super::scan::Place;

/// 我们 and the like stand at most this far before the number, joining words at most this far after it; bytes, chosen.
const LEAD_BYTES: u32 = 30;
const FOLLOW_BYTES: u32 = 36;
/// Those who are counted but do not join stand this close: 客服换了五个人, 六个员工; bytes, chosen.
const APART_BEFORE_BYTES: u32 = 6;
const APART_AFTER_BYTES: u32 = 9;

/// The count at `at` and what it counts; `number`: its value and where it begins.
pub(super) fn read(reader: &mut Reader<'_>, at: usize, number: (f64, usize)) {
    let (n, start) = (number.0, number.1 as u32);
    if !(2.0..=5000.0).contains(&n) {
        return;
    }
    let own = reader.places[at];
    let before = |p: &Place| p.clause == own.clause && p.end <= start;
    let after =
        |p: &Place| p.sentence == own.sentence && p.start >= own.end && p.clause <= own.clause + 1;
    let near = reader.places[at.saturating_sub(24)..]
        .iter()
        .take_while(|p| p.start < own.end + FOLLOW_BYTES);
    let (mut together, mut apart, mut with_me) = (false, false, false);
    for p in near {
        let b = reader.bits[usize::from(p.word)];
        if b & word::FACTS == 0 {
            continue;
        }
        let lead = before(p) && start - p.end <= LEAD_BYTES;
        let follow = after(p) && p.clause == own.clause;
        together |= b & word::TOGETHER != 0 && (lead || follow);
        // 我和三个同事, 七个家长跟我一起: the complainant is one more.
        with_me |= b & word::WITH_ME != 0 && (before(p) && p.end == start || follow);
        apart |= b & word::APART_BEFORE != 0 && before(p) && start - p.end <= APART_BEFORE_BYTES
            || b & word::APART_AFTER != 0 && after(p) && p.start - own.end <= APART_AFTER_BYTES;
    }
    let told = number.1..own.end as usize;
    let apart = apart || reader.facts.alone;
    if apart {
        reader.withheld.push(told);
        reader.facts.bystanders |= n >= 5.0;
        return;
    }
    // A count that nothing is said about stays a word of the text.
    if !(together || with_me) {
        return;
    }
    reader.withheld.push(told.clone());
    if !reader.counts(at, start) {
        reader.facts.bystanders |= n >= 5.0;
        return;
    }
    let value = n as u32 + u32::from(with_me);
    let facts = &mut reader.facts;
    if facts.people.as_ref().is_none_or(|p| p.value < value) {
        facts.people = Some(Stated { value, range: told });
    }
}
