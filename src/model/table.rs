//! The embedding table as a bundle keeps it: one signed byte a value and one byte for the factor of a row, so that a row of
//! 64 is one cache line. Law: what is stored is what is measured; training rounds before calibration.

use candle_core::{DType, Device, Result, Tensor};

/// Rows of `dim` values, `value = code · factor of the row`.
#[derive(Clone)]
pub(super) struct Table {
    dim: usize,
    lines: Vec<Line>,
    /// Of each row, which of `factors`.
    scales: Vec<u8>,
    factors: [f32; 256],
}

/// Factor `k` is 2^(k/8 - 28): 4e-9 to 15, in steps of 9 %.
fn factors() -> [f32; 256] {
    // 2^(k/8) as bits, so that every machine has the same.
    const EIGHTHS: [u32; 8] = [
        0x3f80_0000,
        0x3f8b_95c2,
        0x3f98_37f0,
        0x3fa5_fed7,
        0x3fb5_04f3,
        0x3fc5_672a,
        0x3fd7_44fd,
        0x3fea_c0c7,
    ];
    std::array::from_fn(|k| f32::from_bits(EIGHTHS[k % 8]) * 2f32.powi(k as i32 / 8 - 28))
}

/// Bytes that begin where a cache line begins.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([i8; LINE]);

const LINE: usize = 64;
/// Largest code; -128 is not used, so that rounding is symmetric.
const MOST: f32 = 127.0;
/// What is added to a code where only unsigned bytes can be written.
const SHIFT: u8 = 128;

impl Table {
    /// Rounds each row to steps of the smallest factor that reaches its largest value; beyond ±1,800 it is cut.
    pub fn round(values: &[f32], dim: usize) -> Table {
        let factors = factors();
        let scales: Vec<u8> = values
            .chunks_exact(dim)
            .map(|row| {
                let most = row.iter().fold(0.0f32, |most, v| most.max(v.abs()));
                factors.partition_point(|f| f * MOST < most).min(255) as u8
            })
            .collect();
        let rows = values.chunks_exact(dim).zip(&scales);
        let codes = rows.flat_map(|(row, &s)| {
            let factor = factors[usize::from(s)];
            row.iter()
                .map(move |v| (v / factor).round().clamp(-MOST, MOST) as i8)
        });
        let codes: Vec<i8> = codes.collect();
        Table::from_codes(&codes, dim, scales)
    }

    fn from_codes(codes: &[i8], dim: usize, scales: Vec<u8>) -> Table {
        let lines = codes.chunks(LINE).map(|part| {
            let mut line = Line([0; LINE]);
            line.0[..part.len()].copy_from_slice(part);
            line
        });
        Table {
            dim,
            lines: lines.collect(),
            scales,
            factors: factors(),
        }
    }

    /// Codes of all rows, row-major.
    fn codes(&self) -> &[i8] {
        // SAFETY: `Line` is `repr(C)` over 64 bytes with an alignment of 64, so lines stand side by side without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    /// The codes of a row and their factor.
    #[inline(always)]
    pub fn row(&self, id: u32) -> (&[i8], f32) {
        let id = id as usize;
        (
            &self.codes()[id * self.dim..][..self.dim],
            self.factors[usize::from(self.scales[id])],
        )
    }

    /// As `row`, of a width known to the compiler, which must be the table's.
    #[inline(always)]
    pub fn row_of<const DIM: usize>(&self, id: u32) -> (&[i8; DIM], f32) {
        let id = id as usize;
        let codes = &self.codes()[id * DIM..][..DIM];
        match codes.try_into() {
            Ok(codes) => (codes, self.factors[usize::from(self.scales[id])]),
            Err(_) => unreachable!("a slice of DIM values"),
        }
    }

    fn n_values(&self) -> usize {
        self.scales.len() * self.dim
    }

    /// All values in single precision, `[n, dim]`.
    pub fn values(&self) -> Vec<f32> {
        let rows = self.codes()[..self.n_values()].chunks_exact(self.dim);
        rows.zip(&self.scales)
            .flat_map(|(row, scale)| {
                let factor = self.factors[usize::from(*scale)];
                row.iter().map(move |c| f32::from(*c) * factor)
            })
            .collect()
    }

    /// `[n, dim]` unsigned bytes (code + 128, for the tensor format has no signed ones) and `[n]` numbers of factors.
    pub fn to_tensors(&self) -> Result<(Tensor, Tensor)> {
        let n = self.scales.len();
        let codes: Vec<u8> = self.codes()[..self.n_values()]
            .iter()
            .map(|c| c.cast_unsigned().wrapping_add(SHIFT))
            .collect();
        Ok((
            Tensor::from_vec(codes, (n, self.dim), &Device::Cpu)?,
            Tensor::from_slice(&self.scales, n, &Device::Cpu)?,
        ))
    }

    /// The inverse of `to_tensors`; shapes were checked.
    pub fn from_tensors(
        codes: &Tensor,
        scales: &Tensor,
        dim: usize,
    ) -> std::result::Result<Table, String> {
        let bytes = |tensor: &Tensor| {
            if tensor.dtype() != DType::U8 {
                return Err(format!("holds {:?}, not bytes", tensor.dtype()));
            }
            let values = tensor.flatten_all().and_then(|t| t.to_vec1::<u8>());
            values.map_err(|e| e.to_string())
        };
        let (codes, scales) = (bytes(codes)?, bytes(scales)?);
        let codes = codes.iter().map(|c| c.wrapping_sub(SHIFT).cast_signed());
        let codes: Vec<i8> = codes.collect();
        Ok(Table::from_codes(&codes, dim, scales))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_rounded_to_their_own_largest_value() {
        let values = [
            1.0, -0.5, 0.0, 0.004, 0.0, 0.0, 0.0, 0.0, -2e-3, 1e-3, 0.0, 0.0,
        ];
        let table = Table::round(&values, 4);
        for (got, want) in table.values().iter().zip(values) {
            let row_most = if want.abs() > 2e-3 { 1.0 } else { 2e-3 };
            assert!((got - want).abs() <= row_most / 230.0, "{got} {want}");
        }
        assert_eq!(table.row(1).0, &[0; 4]);
        assert!((-127..=-116).contains(&table.row(2).0[0]));
    }

    #[test]
    fn tensors_bring_the_same_table_back() {
        let values: Vec<f32> = (0..30 * 8)
            .map(|i| ((i * 37) % 101) as f32 - 50.0)
            .collect();
        let table = Table::round(&values, 8);
        let Ok((codes, scales)) = table.to_tensors() else {
            unreachable!("tensors of bytes can be made")
        };
        let back = Table::from_tensors(&codes, &scales, 8);
        assert!(back.is_ok_and(|t| t.values() == table.values() && t.codes() == table.codes()));
        let Ok(floats) = codes.to_dtype(DType::F32) else {
            unreachable!("bytes become floats")
        };
        assert!(Table::from_tensors(&floats, &scales, 8).is_err());
    }
}
