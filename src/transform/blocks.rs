//! How transforms cut arrays into blocks.

/// Calls `each(position in the slice, length)` for all blocks of a slice: whole ones, then powers of two in descending
/// order.
pub(super) fn for_each_block(block: usize, len: usize, mut each: impl FnMut(usize, usize)) {
    let mut from = 0;
    while from < len {
        let rest = len - from;
        let block = block.min(1 << (usize::BITS - 1 - rest.leading_zeros()));
        each(from, block);
        from += block;
    }
}

/// Calls `each(from, to, block)` for all runs of blocks of the same length.
pub(super) fn for_each_run(block: usize, len: usize, mut each: impl FnMut(usize, usize, usize)) {
    let whole = len / block.max(1) * block;
    if whole > 0 {
        each(0, whole, block);
    }
    for_each_block(block, len - whole, |from, len| each(whole + from, whole + from + len, len));
}
