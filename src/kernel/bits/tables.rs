//! Where bytes go: for each width from 0 to 7, the index of the byte that each byte comes from.

/// One table for each width.
pub(super) type Widths<const N: usize> = [[u8; N]; 8];

/// Eight codes are `width` bytes at the bottom of 8: those bytes alone, one behind another. The rest are any.
pub(super) const fn closed<const N: usize>() -> Widths<N> {
    let mut tables = [[0; N]; 8];
    let mut width = 1;
    while width < 8 {
        let mut byte = 0;
        while byte < N / 8 * width {
            tables[width][byte] = (byte / width * 8 + byte % width) as u8;
            byte += 1;
        }
        width += 1;
    }
    tables
}

/// The way back, with bytes of the next eight codes above.
pub(super) const fn opened<const N: usize>() -> Widths<N> {
    let mut tables = [[0; N]; 8];
    let mut width = 0;
    while width < 8 {
        let mut byte = 0;
        while byte < N {
            tables[width][byte] = (byte / 8 * width + byte % 8) as u8;
            byte += 1;
        }
        width += 1;
    }
    tables
}
