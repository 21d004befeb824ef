//! Numbers as they are said: 幺三八，零零幺三，八零零零, digits and hanzi mixed, pauses between groups, 三个零.
//! Law: a run is read digit by digit and taken whole; amounts (一百三, 三万) are no runs. Needs a start that only a phone has,
//! or a cue (then `labelled` calls `read`).

use super::checks;
use super::{MaskKind, Scan, Span};

pub(super) const MAX: usize = 32;

/// A run of said digits with the byte where each ends.
pub(super) struct Run {
    pub digits: [u8; MAX],
    pub ends: [usize; MAX],
    /// Whether a pause or the end of the run follows digit k.
    pub pause: [bool; MAX],
    pub n: usize,
}

/// Reads from `at`, over pauses, until something else is said.
pub(super) fn read(text: &str, at: usize) -> Run {
    let mut run = Run {
        digits: [0; MAX],
        ends: [0; MAX],
        pause: [false; MAX],
        n: 0,
    };
    let mut pos = at;
    let mut gap = 0;
    while run.n < MAX {
        let mut chars = text[pos..].chars();
        let Some(c) = chars.next() else { break };
        if let Some((count, digit, len)) = repeated(&text[pos..]) {
            for _ in 0..count {
                if run.n < MAX {
                    run.digits[run.n] = digit;
                    run.ends[run.n] = pos + len;
                    run.n += 1;
                }
            }
            pos += len;
            gap = 0;
        } else if let Some(d) = checks::spoken(c) {
            run.digits[run.n] = d;
            pos += c.len_utf8();
            run.ends[run.n] = pos;
            run.n += 1;
            gap = 0;
        } else if run.n > 0 && gap < 4 && "，、。 -—.…嗯呃啊哦".contains(c) {
            run.pause[run.n - 1] = true;
            pos += c.len_utf8();
            gap += 1;
        } else if run.n > 0
            && gap < 4
            && let Some(w) = ["然后", "那个", "这个", "就是"]
                .iter()
                .find(|w| text[pos..].starts_with(**w))
        {
            run.pause[run.n - 1] = true;
            pos += w.len();
            gap += 1;
        } else {
            break;
        }
    }
    if run.n > 0 {
        run.pause[run.n - 1] = true;
    }
    run
}

/// 三个零: a digit said with its count.
fn repeated(text: &str) -> Option<(u8, u8, usize)> {
    let mut chars = text.chars();
    let count = chars.next().filter(|c| "两二三四五六".contains(*c))?;
    let of = chars.next().filter(|c| *c == '个')?;
    let digit = chars.next().filter(|c| !c.is_ascii())?;
    let len = count.len_utf8() + of.len_utf8() + digit.len_utf8();
    Some((checks::spoken(count)? - b'0', checks::spoken(digit)?, len))
}

/// A mobile number that starts with the spoken pair at `at`.
pub(super) fn phone(scan: &Scan, at: usize, out: &mut Vec<Span>) {
    if scan.before(at).and_then(checks::spoken).is_some() {
        return;
    }
    if let Some(end) = mobile_end(&read(scan.text, at)) {
        let rest = &scan.text[end..];
        if !rest.starts_with(['百', '千', '万', '亿', '元', '块']) {
            out.push(Span {
                start: at,
                end,
                kind: MaskKind::Phone,
            });
        }
    }
}

/// Where a mobile number at the start of the run ends.
pub(super) fn mobile_end(run: &Run) -> Option<usize> {
    (run.n >= 11 && checks::mobile(&run.digits[..11]) && run.pause[10]).then(|| run.ends[10])
}
