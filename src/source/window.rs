//! A sliding window over a byte stream: the memory of a reader stays bounded whatever the input is.

use std::io::{self, Read};

/// Bytes read but not yet consumed, with the place of the first one.
pub(super) struct Window {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// Bytes of the next read.
    chunk: usize,
    /// Byte offset in the input of the window's first byte.
    pub byte: u64,
    /// Line number of the window's first byte, from 1.
    pub line: u64,
}

/// Bytes of the first read and of the largest: one complaint from a server is small, a file's reads grow quickly.
const FIRST_BYTES: usize = 8 * 1024;
const CHUNK_BYTES: usize = 256 * 1024;

impl Window {
    pub fn new(input: Box<dyn Read + Send>) -> Window {
        Window {
            input,
            buffer: Vec::new(),
            start: 0,
            ended: false,
            chunk: FIRST_BYTES,
            byte: 0,
            line: 1,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// What is left of the input, the held bytes first.
    pub fn into_reader(mut self) -> impl Read + Send {
        let held = self.buffer.split_off(self.start);
        io::Cursor::new(held).chain(self.input)
    }

    /// The input has no more bytes than the window holds.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// One read: returns whether bytes were added.
    pub fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let old = self.buffer.len();
        self.buffer.resize(old + self.chunk, 0);
        self.chunk = (self.chunk * 2).min(CHUNK_BYTES);
        let read = loop {
            match self.input.read(&mut self.buffer[old..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let n = match read {
            Ok(n) => n,
            Err(e) => {
                self.buffer.truncate(old);
                return Err(e);
            }
        };
        self.buffer.truncate(old + n);
        self.ended = n == 0;
        Ok(n > 0)
    }

    /// Fills until at least `n` bytes are held or the input ends.
    pub fn fill_to(&mut self, n: usize) -> io::Result<()> {
        while self.bytes().len() < n && self.fill()? {}
        Ok(())
    }

    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.bytes().len());
        self.line += memchr::memchr_iter(b'\n', &self.bytes()[..n]).count() as u64;
        self.byte += n as u64;
        self.start += n;
    }

    /// Consumes up to and with the next line feed, however far it is; returns the bytes consumed.
    pub fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.bytes()) {
                self.consume(at + 1);
                return Ok(skipped + at as u64 + 1);
            }
            let n = self.bytes().len();
            self.consume(n);
            skipped += n as u64;
            if !self.fill()? {
                return Ok(skipped);
            }
        }
    }
}
