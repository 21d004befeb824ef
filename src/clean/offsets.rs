//! Where each byte of a rewritten text came from: enters while a text is rewritten piece by piece, leaves as `Offsets`.
//! Law: `source` covers: the source range holds every source byte that made the asked range, and no more than whole pieces.
//! Only breakpoints are stored; a text that was copied unchanged has one.

use std::ops::Range;

/// Bytes `out..` of the new text (up to the next piece) come from `src` on: byte for byte if `src_len` is 0, else
/// all of them from the `src_len` bytes there.
#[derive(Clone, Copy)]
struct Piece {
    out: usize,
    src: usize,
    src_len: usize,
}

#[derive(Clone, Default)]
pub(super) struct Offsets {
    pieces: Vec<Piece>,
}

impl Offsets {
    /// The next bytes of the new text, from `out` on, are a copy of the source from `src` on.
    #[inline]
    pub(super) fn copied(&mut self, out: usize, src: usize) {
        if let Some(p) = self.pieces.last()
            && p.src_len == 0
            && p.src + (out - p.out) == src
        {
            return;
        }
        self.pieces.push(Piece {
            out,
            src,
            src_len: 0,
        });
    }

    /// The next bytes of the new text, from `out` on, stand for `src` as a whole.
    pub(super) fn replaced(&mut self, out: usize, src: Range<usize>) {
        self.pieces.push(Piece {
            out,
            src: src.start,
            src_len: (src.end - src.start).max(1),
        });
    }

    /// Takes bytes `r` of this text over into `into`, where they stand from `out` on.
    pub(super) fn carry(&self, r: Range<usize>, out: usize, into: &mut Offsets) {
        let first = self.pieces.partition_point(|p| p.out <= r.start);
        for p in self.pieces.iter().skip(first.saturating_sub(1)) {
            if p.out >= r.end {
                break;
            }
            let at = p.out.max(r.start);
            let to = out + (at - r.start);
            match p.src_len {
                0 => into.copied(to, p.src + (at - p.out)),
                n => into.replaced(to, p.src..p.src + n),
            }
        }
    }

    /// Source bytes behind `r`; an empty range where `r` is empty.
    pub(super) fn source(&self, r: Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return 0..0;
        }
        let piece = |at: usize| {
            let k = self.pieces.partition_point(|p| p.out <= at);
            self.pieces[k.saturating_sub(1)]
        };
        let p = piece(r.start);
        let start = match p.src_len {
            0 => p.src + (r.start - p.out),
            _ => p.src,
        };
        if r.is_empty() {
            return start..start;
        }
        let p = piece(r.end - 1);
        let end = match p.src_len {
            0 => p.src + (r.end - p.out),
            n => p.src + n,
        };
        start..end.max(start)
    }
}
