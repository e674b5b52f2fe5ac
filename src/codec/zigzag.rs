//! Codes around a centre: small ones near it.

use super::{
    CodeMap,
    map::{last_code, read_last},
};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece},
    quantizer::{Quantizer, check_codes},
};
use core::marker::PhantomData;

/// Distances of codes from a centre `c`, folded: `c, c - 1, c + 1, c - 2, c + 2 ...` become 0, 1, 2, 3, 4 ...
///
/// Of codes below `n`, `r = min(c, n - 1 - c)` lie on the shorter side. With `k = |x - c|`, a code `x` becomes `2k` or, below
/// the centre, `2k - 1`, as long as `k` is at most `r`; beyond there is one side left, and it becomes `r + k`. So there are as
/// many codes as before, and those nearer to the centre are never larger than those farther away.
///
/// Choose it where most values are small and few bits are kept: in front of narrow packing, or of a coder of your own that
/// takes small numbers in few bits, such as Golomb's. [`Rans`](crate::Rans) has a table and gains nothing from it;
/// [`Difference`](crate::Difference) folds by itself. Cost: a few operations per code; any code is reached alone.
///
/// ```
/// use fewbits::{BitPack, CodeMapExt, CodecExt, Then, ZigZag};
///
/// let map = ZigZag::<u8>::new(255)?; // about 127, as symmetric codes are
/// assert_eq!(map.forward(&[127, 126, 128, 125, 254, 0])?, [0, 1, 2, 3, 254, 253]);
/// let codec = Then::new(map, BitPack::new(3)?); // codes from 123 to 130
/// assert_eq!(codec.encode(&[123, 127, 130, 128])?.len(), 2);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZigZag<C> {
    /// The largest code, `n - 1`.
    last: u32,
    centre: u32,
    code: PhantomData<C>,
}

impl<C: Code> ZigZag<C> {
    pub(crate) const TAG: u8 = 0x32;

    /// Codes below `level_count` about the one in the middle, `level_count / 2`: the zero of symmetric levels.
    pub fn new(level_count: u32) -> Result<Self> {
        let last = last_code::<C>(level_count)?;
        Ok(Self { last, centre: level_count / 2, code: PhantomData })
    }

    /// A quantizer's codes about the one in the middle.
    pub fn of<Q: Quantizer<Code = C> + ?Sized>(quantizer: &Q) -> Result<Self> {
        Self::new(quantizer.level_count())
    }

    /// About another code, such as the likeliest, or a zero point.
    pub fn centre(self, centre: u32) -> Result<Self> {
        if centre <= self.last {
            return Ok(Self { centre, ..self });
        }
        Err(Error::Setting { name: "centre", value: centre.into(), allowed: "a code below the number of levels" })
    }

    /// How far both sides reach.
    fn reach(self) -> u32 {
        self.centre.min(self.last - self.centre)
    }
}

impl<C: Code> CodeMap for ZigZag<C> {
    type Code = C;

    fn forward_at(&self, start: usize, codes: &mut [C]) -> Result<()> {
        check_piece(start, codes.len(), 1)?;
        check_codes(start, codes, self.level_count())?;
        let (centre, reach) = (self.centre, self.reach());
        for code in codes {
            let x = code.to_u32();
            let k = x.abs_diff(centre);
            // k is at most the reach where it is doubled, so that nothing overflows.
            *code = C::from_u32(if k > reach { reach + k } else { k + k - u32::from(x < centre) });
        }
        Ok(())
    }

    fn inverse_at(&self, start: usize, codes: &mut [C], _history: &mut [C]) -> Result<()> {
        check_piece(start, codes.len(), 1)?;
        check_codes(start, codes, self.level_count())?;
        let (centre, reach) = (self.centre, self.reach());
        // The side that is left beyond the reach is the longer one.
        let above = centre == reach;
        for code in codes {
            let x = code.to_u32();
            let (k, up) = if x > 2 * reach { (x - reach, above) } else { (x.div_ceil(2), x % 2 == 0) };
            *code = C::from_u32(if up { centre + k } else { centre - k });
        }
        Ok(())
    }

    fn level_count(&self) -> u32 {
        self.last + 1
    }

    fn history_len(&self) -> usize {
        0
    }
}

impl<C: Code> Describe for ZigZag<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| {
            out.varint(self.last.into());
            out.varint(self.centre.into());
        });
    }
}

impl<C: Code> Restore for ZigZag<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        stages.stage(Self::TAG, "folded codes", |bytes| {
            let (level_count, centre) = (read_last(bytes)?, bytes.varint()?);
            let corrupt = Error::Corrupt { what: "centre of folded codes", found: centre };
            // No code is as large as what stands for those beyond u32.
            Self::new(level_count)?.centre(u32::try_from(centre).unwrap_or(u32::MAX)).map_err(|_| corrupt)
        })
    }
}
