//! Fixed width, least significant bit first.

use super::{Codec, take};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result},
    kernel::bits,
    quantizer::Quantizer,
    wire::Reader,
};
use core::marker::PhantomData;

/// Packs each code into `width` bits, 1 to 32, least significant bit first.
///
/// Code `i` occupies bits `i * width .. (i + 1) * width` of a little-endian bit stream; `count` codes take
/// `ceil(count * width / 8)` bytes. Any number of codes. A code that needs more bits is an error, not cut; pad bits in
/// the last byte are zero, and decoding checks them. Nothing is allocated.
///
/// Choose it where any value must be reachable alone, or where the codes are spread evenly; entropy coding is smaller
/// elsewhere.
///
/// ```
/// use fewbits::{BitPack, CodecExt};
///
/// let codec = BitPack::<u8>::new(3)?;
/// let bytes = codec.encode(&[1, 2, 7])?;
/// assert_eq!(bytes, [0b11_010_001, 0b1]); // 7 straddles the two bytes
/// assert_eq!(codec.decode(&bytes, 3)?, [1, 2, 7]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitPack<C> {
    width: u32,
    high_first: bool,
    code: PhantomData<C>,
}

impl<C: Code> BitPack<C> {
    pub(crate) const TAG: u8 = 0x40;

    /// `width` bits a code: 1 to 32, and at most the bits of `C`.
    pub const fn new(width: u32) -> Result<Self> {
        if 1 <= width && width <= C::BITS {
            Ok(Self { width, high_first: false, code: PhantomData })
        } else {
            Err(Error::Setting {
                name: "width",
                value: width as f64,
                allowed: "1 bit up to the width of the code type",
            })
        }
    }

    /// The narrowest packing of a quantizer's codes.
    pub fn of<Q: Quantizer<Code = C> + ?Sized>(quantizer: &Q) -> Self {
        let last = quantizer.level_count().saturating_sub(1);
        Self { width: (u32::BITS - last.leading_zeros()).clamp(1, C::BITS), high_first: false, code: PhantomData }
    }

    /// The first code of a byte in its highest bits instead, for widths of 1, 2 and 4 bits: the nibbles of bitsandbytes,
    /// the bits of a PNM bitmap.
    ///
    /// ```
    /// use fewbits::{BitPack, CodecExt};
    ///
    /// let codec = BitPack::<u8>::new(4)?.high_first()?;
    /// assert_eq!(codec.encode(&[1, 2, 3])?, [0x12, 0x30]);
    /// assert_eq!(codec.decode(&[0x12, 0x30], 3)?, [1, 2, 3]);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub const fn high_first(self) -> Result<Self> {
        if matches!(self.width, 1 | 2 | 4) {
            return Ok(Self { high_first: true, ..self });
        }
        Err(Error::Setting { name: "width, high bits first", value: self.width as f64, allowed: "1, 2 or 4 bits" })
    }

    /// Turns the order of the codes in each byte around, the last one of `count` included.
    fn turn(self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = match self.width {
                4 => byte.rotate_left(4),
                2 => byte.rotate_left(4) >> 2 & 0x33 | (byte.rotate_left(4) & 0x33) << 2,
                _ => byte.reverse_bits(),
            };
        }
    }

    /// Bits of one code.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Through a piece of the stack in which bytes are turned; returns the pad bits.
    fn unpack_turned(self, bytes: &[u8], codes: &mut [C]) -> u8 {
        const PIECE: usize = 512;
        let mut turned = [0; PIECE];
        let mut pad = 0;
        for (bytes, codes) in bytes.chunks(PIECE).zip(codes.chunks_mut(PIECE * (8 / self.width as usize))) {
            let turned = &mut turned[..bytes.len()];
            turned.copy_from_slice(bytes);
            self.turn(turned);
            pad |= bits::unpack(self.width, turned, codes);
        }
        pad
    }

    fn len(self, count: usize) -> usize {
        let width = self.width as usize;
        (count / 8).saturating_mul(width).saturating_add((count % 8 * width).div_ceil(8))
    }
}

/// The bit of the width on the wire that says so.
const HIGH_FIRST: u8 = 1 << 7;

impl<C: Code> Codec for BitPack<C> {
    type Code = C;

    fn max_encoded_len(&self, count: usize) -> usize {
        self.len(count)
    }

    fn encoded_len(&self, count: usize) -> Option<usize> {
        Some(self.len(count))
    }

    /// 8 codes fill whole bytes at every width, 1, 2 or 4 at some.
    fn block(&self) -> usize {
        8 >> self.width.trailing_zeros().min(3)
    }

    fn encode_at(&self, start: usize, codes: &[C], bytes: &mut [u8]) -> Result<usize> {
        let needed = self.len(codes.len());
        let actual = bytes.len();
        let out = bytes.get_mut(..needed).ok_or(Error::Length { what: "bytes", expected: needed, actual })?;
        let used = bits::pack(self.width, codes, out);
        if u64::from(used) >> self.width != 0 {
            let fits = |code: &C| u64::from(code.to_u32()) >> self.width == 0;
            let index = codes.iter().position(|code| !fits(code)).unwrap_or(0);
            let code = codes[index].to_u32();
            return Err(Error::Code { index: start.saturating_add(index), code, level_count: 1 << self.width });
        }
        if self.high_first {
            self.turn(out);
        }
        Ok(needed)
    }

    fn decode_at(&self, _start: usize, bytes: &[u8], codes: &mut [C]) -> Result<usize> {
        let needed = self.len(codes.len());
        let bytes = take(bytes, needed)?;
        let pad =
            if self.high_first { self.unpack_turned(bytes, codes) } else { bits::unpack(self.width, bytes, codes) };
        if pad == 0 { Ok(needed) } else { Err(Error::Corrupt { what: "pad bits", found: pad.into() }) }
    }
}

impl<C: Code> Describe for BitPack<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| out.u8(self.width as u8 | if self.high_first { HIGH_FIRST } else { 0 }));
    }
}

impl<C: Code> Restore for BitPack<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let flags = stages.stage(Self::TAG, "bit packing", Reader::u8)?;
        let corrupt = Error::Corrupt { what: "width", found: flags.into() };
        if flags & HIGH_FIRST != 0 {
            let width = flags & !HIGH_FIRST;
            return Self::new(width.into()).and_then(Self::high_first).map_err(|_| corrupt);
        }
        match flags {
            0 | 33.. => Err(corrupt),
            width if u32::from(width) > C::BITS => {
                Err(Error::CodeWidth { level_count: 1 << width, code_bits: C::BITS })
            }
            width => Self::new(width.into()),
        }
    }
}
