//! Block by block.

use super::{Blocks, HEAD, Half, TABLE, each_kind, usable};
use crate::kernel::blocks::portable::{levels_of, widened};

pub(super) fn integers(blocks: Blocks, first: i32, bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    each_kind!(
        blocks,
        each / 1(bytes, values, |scale, codes, values| {
            // Sums and products are exact.
            let start = first as f32 * scale;
            for (x, &code) in values.iter_mut().zip(codes) {
                *x = f32::from(code) * scale + start;
            }
            codes.iter().copied().fold(0, u8::max)
        })
    )
}

pub(super) fn table(blocks: Blocks, table: &[f32; TABLE], bytes: &[u8], values: &mut [f32]) -> Option<u8> {
    each_kind!(blocks, each / 2(bytes, values, |scale, codes, values| levels_of(table, true, scale, codes, values)))
}

#[inline(always)]
fn each<const F16: bool, const BLOCK: usize, const LEN: usize>(
    bytes: &[u8],
    values: &mut [f32],
    restore: impl Fn(f32, &[u8], &mut [f32]) -> u8,
) -> Option<u8> {
    let (least, most) = usable(if F16 { Half::F16 } else { Half::Bf16 });
    let (mut largest, mut all_usable) = (0, true);
    for (bytes, values) in bytes.as_chunks::<LEN>().0.iter().zip(values.as_chunks_mut::<BLOCK>().0) {
        let (&head, codes) = bytes.split_first_chunk::<HEAD>()?;
        let bits = u16::from_le_bytes(head);
        all_usable &= (least..=most).contains(&bits);
        let bits = u32::from(bits) << 16;
        let scale = if F16 { widened(bits) } else { f32::from_bits(bits) };
        largest = largest.max(restore(scale, codes, values));
    }
    all_usable.then_some(largest)
}
