//! Numbers and strings to bytes and back: seven bits a byte, the lowest first; strings after their length.
//! Law: reading past the end, or bytes that are no UTF-8, give `None`.

/// Appends a number, small ones in few bytes.
pub fn put_u64(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a signed number, those near 0 in few bytes.
pub fn put_i64(out: &mut Vec<u8>, n: i64) {
    put_u64(out, (n << 1 ^ n >> 63).cast_unsigned());
}

/// Appends a string after its length in bytes.
pub fn put_str(out: &mut Vec<u8>, s: &str) {
    put_u64(out, s.len() as u64);
    out.extend(s.as_bytes());
}

/// Reads what the functions above wrote.
pub struct Bytes<'b> {
    rest: &'b [u8],
}

impl<'b> Bytes<'b> {
    pub fn new(rest: &'b [u8]) -> Bytes<'b> {
        Bytes { rest }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let (part, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(part)
    }

    pub fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub fn key(&mut self) -> Option<[u8; 16]> {
        self.take(16)?.try_into().ok()
    }

    pub fn u64(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Some(n);
            }
        }
        None
    }

    pub fn i64(&mut self) -> Option<i64> {
        let n = self.u64()?;
        Some((n >> 1).cast_signed() ^ -((n & 1).cast_signed()))
    }

    pub fn string(&mut self) -> Option<String> {
        let n = self.u64()?.try_into().ok()?;
        Some(std::str::from_utf8(self.take(n)?).ok()?.to_owned())
    }
}
