//! Entropy coding: likely codes take few bits, by asymmetric numeral systems in interleaved lanes.

mod context_codec;
mod context_stream;
mod context_tables;
mod contexts;
mod counts;
mod density;
mod levels;
mod model;
mod normalize;
mod plan;
mod spike_mask;
mod stream;
mod table;

pub use context_codec::ContextRansCodec;
pub(crate) use contexts::ContextFit;
pub use contexts::ContextRans;
pub(crate) use density::Shapes;
pub(crate) use levels::side_bytes;
pub(crate) use model::Model;
pub(crate) use spike_mask::SpikeMask;
pub use table::Table;

use super::{BitPack, Codec, take};
use crate::{
    code::Code,
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result},
    fit::Fit,
    kernel::rans::LANES,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::marker::PhantomData;
use stream::{Decoder, in_pieces};

/// Settings of a static entropy coder: the table follows from the codes that it is fitted to.
///
/// Codes that are likely take few bits, and a quantizer with a finer step makes use of what is saved: the weights of
/// docs/choosing.md have 24.1 dB at 4.2 bits, where the best of packed codes have 20.8 dB at 4.1. Choose it wherever single values need not be reached alone; chunks of a frame still are.
///
/// ```
/// use fewbits::{Coded, Fit, Frame, Rans, Uniform};
///
/// // Few large values, many small ones.
/// let weights: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.7).sin().powi(21)).collect();
/// let packed = Coded::packed(Uniform::new(6).fit(&weights)?);
/// let coded = Coded::new(Uniform::new(6), Rans::new()).fit(&weights)?; // the codec is fitted to the codes
/// let [packed, coded] = [Frame::encode(&packed, &weights)?, Frame::encode(&coded, &weights)?];
/// assert!(coded.len() < packed.len() * 3 / 4);
/// assert_eq!(fewbits::decompress::<f32>(&coded)?, fewbits::decompress::<f32>(&packed)?);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rans {
    levels: Option<u32>,
}

impl Rans {
    /// For codes up to as many bits as the largest one has that it is fitted to, or as those of the quantizer in front have
    /// where [`Coded`](crate::Coded) fits both.
    pub const fn new() -> Self {
        Self { levels: None }
    }

    /// For codes below `level_count`, those that it is not fitted to too: as many as a quantizer has, where a table made of a
    /// sample is to serve all.
    #[must_use]
    pub const fn levels(self, level_count: u32) -> Self {
        Self { levels: Some(level_count) }
    }
}

impl<C: Code> Fit<C> for Rans {
    type Fitted = RansCodec<C>;

    fn fit(&self, codes: &[C]) -> Result<RansCodec<C>> {
        let largest = codes.iter().fold(0, |largest, code| code.to_u32().max(largest));
        let last = self.levels.map_or(largest, |levels| levels.saturating_sub(1).max(largest));
        RansCodec::new(Table::from_pairs(&count(codes, largest), bits_of(last))?)
    }

    fn fit_below(&self, codes: &[C], level_count: u32) -> Result<RansCodec<C>> {
        self.levels(self.levels.unwrap_or(0).max(level_count)).fit(codes)
    }
}

/// Bits of a number, 1 at least.
fn bits_of(last: u32) -> u32 {
    (u32::BITS - last.leading_zeros()).max(1)
}

/// Codes in ascending order, and how often each occurs.
fn count<C: Code>(codes: &[C], largest: u32) -> Vec<(u32, u64)> {
    /// Counters in a row are faster, and take 8 MiB at most.
    const MOST_COUNTERS: u32 = 1 << 20;
    if largest >= MOST_COUNTERS {
        let mut counts = BTreeMap::new();
        for code in codes {
            *counts.entry(code.to_u32()).or_insert(0) += 1;
        }
        return counts.into_iter().collect();
    }
    let mut counts = vec![0_u64; largest as usize + 1];
    for code in codes {
        counts[code.to_u32() as usize] += 1;
    }
    let counted = counts.into_iter().enumerate().filter(|&(_, count)| count > 0);
    counted.map(|(code, count)| (code as u32, count)).collect()
}

/// A static entropy coder with its table: range asymmetric numeral systems (rANS) with states of 32 bits and words of 16, in 1
/// to 32 interleaved lanes.
///
/// A stream costs the entropy of its codes under the table within 0.5 %, and 5 bytes or more for the states of its
/// lanes, whose number is chosen so that they are at most 0.1 % of it, or 0.5 % if that is for all 32. Codes without an
/// entry in the table are escaped, at the price of the rarest symbol and of the code as it is. A stream that would be
/// larger than packed codes is packed. Lanes have to end in the state in which they began, which finds most damage.
///
/// Few bytes may stand for many values, so that frames of more than 64 MiB of values may need
/// [`decompress_within`](crate::decompress_within) and other limits.
///
/// Encoding needs no memory, for it goes from the last code to the first and from the end of the buffer to its front. Nor
/// does decoding. Cost per code: a multiplication and a look-up either way.
#[derive(Debug, Clone, PartialEq)]
pub struct RansCodec<C> {
    table: Table,
    code: PhantomData<C>,
}

/// The first byte of a stream that is packed: this, and the bits of a code.
const PACKED: u8 = 1 << 7;

impl<C: Code> RansCodec<C> {
    pub(crate) const TAG: u8 = 0x41;

    /// With a table of your own, for codes of no more bits than `C` has.
    pub fn new(table: Table) -> Result<Self> {
        if table.width() > C::BITS {
            return Err(Error::CodeWidth { level_count: 1 << table.width(), code_bits: C::BITS });
        }
        Ok(Self { table, code: PhantomData })
    }

    /// Its frequencies.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// As many as cost at most 0.1 % of the payload that is expected; all that there can be, which are decoded at once, for
    /// 0.5 %. About a quarter of that comes back, because states hold codes too.
    fn lanes(&self, count: usize) -> usize {
        let bits = self.table.mean_bits() * count as f64;
        let affordable = |share: f64| (bits * share / 32.0) as usize;
        if affordable(0.005) >= LANES {
            return LANES;
        }
        1 << affordable(0.001).clamp(1, LANES).ilog2()
    }

    /// The packing of a stream, with the number of bits from its first byte.
    fn packing(&self, width: u8) -> Result<BitPack<C>> {
        let width = if u32::from(width) > self.table.width() { 0 } else { width };
        BitPack::new(width.into()).map_err(|_| Error::Corrupt { what: "width of packed codes", found: width.into() })
    }

    fn decoder<'a>(&'a self, mode: u8, bytes: &'a [u8]) -> Result<Decoder<'a>> {
        if usize::from(mode) > LANES.ilog2() as usize {
            return Err(Error::Corrupt { what: "lanes of a stream", found: mode.into() });
        }
        Decoder::new(&self.table, bytes, 1 << mode)
    }
}

/// The first byte of a stream, and the rest.
fn split(bytes: &[u8]) -> Result<(u8, &[u8])> {
    let mode = take(bytes, 1)?[0];
    Ok((mode, &bytes[1..]))
}

impl<C: Code> Codec for RansCodec<C> {
    type Code = C;

    fn max_encoded_len(&self, count: usize) -> usize {
        BitPack::<C>::new(self.table.width())
            .map_or(usize::MAX, |packing| packing.max_encoded_len(count).saturating_add(1))
    }

    /// That of packed streams.
    fn block(&self) -> usize {
        8
    }

    fn encode_at(&self, start: usize, codes: &[C], bytes: &mut [u8]) -> Result<usize> {
        self.table.check(start, codes)?;
        let width = bits_of(codes.iter().fold(0, |used, code| used | code.to_u32()));
        let packing = self.packing(width as u8)?;
        let packed = 1 + packing.max_encoded_len(codes.len());
        let actual = bytes.len();
        let out = bytes.get_mut(..packed).ok_or(Error::Length { what: "bytes", expected: packed, actual })?;
        let lanes = self.lanes(codes.len());
        let Some(len) = self.table.encode_back(codes, lanes, &mut out[1..]) else {
            out[0] = PACKED | width as u8;
            packing.encode_at(start, codes, &mut out[1..])?;
            return Ok(packed);
        };
        out[0] = lanes.ilog2() as u8;
        out.copy_within(packed - len.., 1);
        Ok(1 + len)
    }

    fn decode_at(&self, start: usize, bytes: &[u8], codes: &mut [C]) -> Result<usize> {
        let (mode, rest) = split(bytes)?;
        if mode & PACKED != 0 {
            return Ok(1 + self.packing(mode & !PACKED)?.decode_at(start, rest, codes)?);
        }
        let mut decoder = self.decoder(mode, rest)?;
        decoder.decode(codes)?;
        Ok(1 + decoder.finish()?)
    }

    fn decode_pieces(
        &self,
        start: usize,
        bytes: &[u8],
        count: usize,
        piece: &mut [C],
        sink: &mut dyn FnMut(&mut [C]) -> Result<()>,
    ) -> Result<usize> {
        let (mode, rest) = split(bytes)?;
        if mode & PACKED != 0 {
            return Ok(1 + self.packing(mode & !PACKED)?.decode_pieces(start, rest, count, piece, sink)?);
        }
        let mut decoder = self.decoder(mode, rest)?;
        in_pieces(count, piece, sink, |codes| decoder.decode(codes))?;
        Ok(1 + decoder.finish()?)
    }
}

impl<C: Code> Describe for RansCodec<C> {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| self.table.write(out));
    }
}

impl<C: Code> Restore for RansCodec<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        Self::new(stages.stage(Self::TAG, "an entropy coder", Table::read)?)
    }
}
