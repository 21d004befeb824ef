//! CSV and TSV: raw records by `csv-core`, found in a bounded window so that one stray quote cannot swallow a file.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::window::Window;

/// The next piece of the input; `n_bytes` is what it took.
pub(super) enum Piece {
    Record {
        n_bytes: u64,
    },
    /// A quote opened and did not close within the limit: only the first line was taken.
    QuoteOpen {
        n_bytes: u64,
    },
    /// Longer than the limit: taken up to the next line feed.
    TooLong {
        n_bytes: u64,
    },
    /// Nothing whole in the window; the caller may read more.
    Wait,
    End,
}

/// Splits a window into records; the cells of the last record are at hand until the next call.
pub(super) struct Splitter {
    parser: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    n_cells: usize,
    max_bytes: usize,
}

impl Splitter {
    pub fn new(delimiter: u8, max_bytes: usize) -> Splitter {
        Splitter {
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            cells: Vec::new(),
            ends: vec![0; 64],
            n_cells: 0,
            max_bytes,
        }
    }

    pub fn n_cells(&self) -> usize {
        self.n_cells
    }

    /// Raw bytes of a cell of the last record.
    pub fn cell(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.cells[start..self.ends[i]]
    }

    /// Skips line ends before a record, so that its position is that of its first byte.
    pub fn skip_blank(window: &mut Window) {
        let blank = window
            .bytes()
            .iter()
            .take_while(|b| matches!(b, b'\n' | b'\r'))
            .count();
        window.consume(blank);
    }

    /// Finds the record at the front of the window and consumes it.
    pub fn next(&mut self, window: &mut Window) -> io::Result<Piece> {
        Self::skip_blank(window);
        let held = window.bytes().len();
        if held == 0 {
            return Ok(if window.ended() {
                Piece::End
            } else {
                Piece::Wait
            });
        }
        match self.parse(window.bytes(), window.ended()) {
            Some(n_bytes) if n_bytes <= self.max_bytes => {
                window.consume(n_bytes);
                Ok(Piece::Record {
                    n_bytes: n_bytes as u64,
                })
            }
            None if held <= self.max_bytes && !window.ended() => Ok(Piece::Wait),
            // Too long, or the input ended inside a quote: give up the first line only, if there is one.
            found => {
                let limit = held.min(self.max_bytes);
                let line = memchr::memchr(b'\n', &window.bytes()[..limit]);
                match line {
                    Some(at) => {
                        window.consume(at + 1);
                        Ok(Piece::QuoteOpen {
                            n_bytes: at as u64 + 1,
                        })
                    }
                    None if found.is_none() && window.ended() && held <= self.max_bytes => {
                        window.consume(held);
                        Ok(Piece::QuoteOpen {
                            n_bytes: held as u64,
                        })
                    }
                    None => Ok(Piece::TooLong {
                        n_bytes: window.skip_line()?,
                    }),
                }
            }
        }
    }

    /// Length of the record at the front of `bytes`; `None` if it does not end there.
    fn parse(&mut self, bytes: &[u8], ended: bool) -> Option<usize> {
        self.parser.reset();
        let (mut read, mut written, mut n_ends) = (0, 0, 0);
        let mut input = bytes;
        loop {
            let (result, n_in, n_out, n_end) = self.parser.read_record(
                input,
                &mut self.cells[written..],
                &mut self.ends[n_ends..],
            );
            read += n_in;
            written += n_out;
            n_ends += n_end;
            input = if read < bytes.len() {
                &bytes[read..]
            } else {
                b""
            };
            match result {
                ReadRecordResult::Record => {
                    self.n_cells = n_ends;
                    return Some(read.min(bytes.len()));
                }
                ReadRecordResult::OutputFull => {
                    let n = (self.cells.len() * 2).max(4096);
                    self.cells.resize(n, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let n = self.ends.len() * 2;
                    self.ends.resize(n, 0);
                }
                // A line end behind the last byte closes a record, unless a quote is open.
                ReadRecordResult::InputEmpty if ended && read == bytes.len() => {
                    input = b"\n";
                    let (result, ..) = self.parser.read_record(
                        input,
                        &mut self.cells[written..],
                        &mut self.ends[n_ends..],
                    );
                    match result {
                        ReadRecordResult::Record => {
                            self.n_cells = n_ends + 1;
                            self.ends[n_ends] = written;
                            return Some(bytes.len());
                        }
                        ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                            let n = (self.cells.len() * 2).max(4096);
                            self.cells.resize(n, 0);
                            let n = self.ends.len() * 2;
                            self.ends.resize(n, 0);
                            return self.parse(bytes, ended);
                        }
                        _ => return None,
                    }
                }
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::End => return None,
            }
        }
    }
}

/// Delimiters that are tried, in the order of preference.
pub(super) const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Cells of the first record of `beginning` under a delimiter.
pub(super) fn first_cells(beginning: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(delimiter, usize::MAX);
    match splitter.parse(beginning, true) {
        Some(_) => (0..splitter.n_cells())
            .map(|i| splitter.cell(i).to_vec())
            .collect(),
        None => Vec::new(),
    }
}
