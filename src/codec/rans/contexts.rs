//! Entropy coding with several tables: one for each class of values, and for each side of an automaton.

use super::{
    Table, bits_of,
    context_stream::{BITS, ContextDecoder, Contexts, MOST_SYMBOL},
    counts::Counts,
    model::Model,
    split,
};
use crate::{
    automaton::Automaton,
    classes::{Classes, MOST_CLASSES, MOST_PARTS},
    code::Code,
    codec::{BitPack, Codec},
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece},
    fit::Fit,
    groups::Groups,
    rates::{Prices, Rates},
};
use alloc::{vec, vec::Vec};
use core::marker::PhantomData;

/// Settings of a static entropy coder with a table for each context: for codes whose spread depends on where they are, and
/// for those of an [`Automaton`].
///
/// Groups of values, such as rows and columns, get a level each, a quarter of an octave of how far their codes are from the
/// centre, and levels of a value add up to its class. Tables are those of one density, a shape and a scale, which costs a few
/// bytes; without groups, tables of the codes themselves where they are smaller. Costs as [`Rans`](crate::Rans), with 32 KiB in
/// memory for each table, and somewhat more to encode: 7 MiB at most, for 64 classes of two sides.
///
/// ```
/// use fewbits::{Automaton, Coded, ContextRans, Fit, Frame, Groups, Rans, Uniform};
///
/// // Rows of very different size, and one step for all.
/// let weights: Vec<f32> = (0..64 * 512).map(|i| (i as f32 * 0.7).sin() * 2_f32.powi((i / 512) % 8)).collect();
/// let rows = Groups::axis(&[64, 512], 0)?;
/// let quantizer = Uniform::new(8).fit(&weights)?;
/// let plain = Coded::new(quantizer.clone(), Rans::new().fit(&fewbits::QuantizerExt::quantize(&quantizer, &weights)?)?);
/// let contexts = Coded::new(Uniform::new(8), ContextRans::new(Automaton::memoryless()).by(rows)).fit(&weights)?;
/// assert!(Frame::encode(&contexts, &weights)?.len() * 10 < Frame::encode(&plain, &weights)?.len() * 9);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ContextRans {
    automaton: Automaton,
    groups: Vec<Groups>,
    centre: Option<u32>,
    classes: Option<Classes>,
    written: bool,
    /// A density whose shape is known to be near.
    like: Option<Model>,
}

/// Without [`ContextRans::written`], tables are written if there are at most so many classes.
const FEW_CLASSES: usize = 4;

impl ContextRans {
    /// For codes of this automaton, without groups.
    pub const fn new(automaton: Automaton) -> Self {
        Self { automaton, groups: Vec::new(), centre: None, classes: None, written: false, like: None }
    }

    /// With tables of the codes themselves for any number of classes, where they are smaller with all that they take: for
    /// codes of odd distributions. Fits take longer.
    #[must_use]
    pub const fn written(mut self) -> Self {
        self.written = true;
        self
    }

    /// With a level for each of these groups too; at most 4 times.
    #[must_use]
    pub fn by(mut self, groups: Groups) -> Self {
        self.groups.push(groups);
        self
    }

    /// The code around which others lie, which is the mean of them unless told otherwise.
    #[must_use]
    pub fn centre(self, code: u32) -> Self {
        Self { centre: Some(code), ..self }
    }

    /// Nearly the density of the codes.
    pub(crate) fn like(self, density: Model) -> Self {
        Self { like: Some(density), ..self }
    }

    /// Classes that are known.
    pub(crate) fn classes(self, classes: Classes) -> Self {
        Self { classes: Some(classes), ..self }
    }

    pub(crate) fn fit_codes<C: Code>(&self, codes: &[C], level_count: u32) -> Result<ContextFit<C>> {
        let automaton = self.automaton;
        let largest = codes.iter().fold(0, |largest, code| code.to_u32().max(largest));
        let last = level_count.saturating_sub(1).max(largest) >> automaton.side_bits();
        ContextRansCodec::<C>::check_last(automaton, last)?;
        let centre = self.centre.unwrap_or_else(|| {
            let sum: u64 = codes.iter().map(|code| u64::from(code.to_u32())).sum();
            (sum / codes.len().max(1) as u64) as u32
        });
        let centre = (centre >> automaton.side_bits()).min(last);
        let classes = if let Some(classes) = &self.classes {
            classes.clone()
        } else {
            let centre = f64::from(centre << automaton.side_bits());
            let size = |code: &C| (f64::from(code.to_u32()) - centre) as f32;
            let far: Vec<f32> = if self.groups.is_empty() { Vec::new() } else { codes.iter().map(size).collect() };
            crate::calibrate::classes(&self.groups, &far)?
        };
        let mut counts = Counts::new(classes.count() * automaton.sides(), centre, last);
        Contexts::for_each(automaton, &classes, 0, codes, |_, table, symbol| counts.add(table, symbol))?;
        let pairs: Vec<_> = (0..classes.count() * automaton.sides()).map(|table| counts.pairs(table)).collect();
        let (density, bits) = Model::nearest(&pairs, automaton.sides(), centre, last, self.like)?;
        // What rounding to frequencies adds.
        let bits = bits + 0.002 * codes.len() as f64;
        if self.written || classes.count() <= FEW_CLASSES {
            let width = bits_of(last);
            let tables: Vec<Table> =
                pairs.iter().map(|pairs| Table::of_bits(pairs, width, BITS)).collect::<Result<_>>()?;
            let own: f64 = tables.iter().zip(&pairs).map(|(table, pairs)| table.cost(pairs)).sum();
            if own + 8.0 * written_bytes(&tables) as f64 <= bits {
                let codec = ContextRansCodec::of_tables(automaton, classes, tables, last)?;
                return Ok(ContextFit { codec, density, bits: own });
            }
        }
        let codec = ContextRansCodec::of_model(automaton, classes, density, last)?;
        let bits = codec.contexts.tables.iter().zip(&pairs).map(|(table, pairs)| table.cost(pairs)).sum();
        Ok(ContextFit { codec, density, bits })
    }
}

/// A fitted codec, and what else the fit came to know.
pub(crate) struct ContextFit<C> {
    pub(crate) codec: ContextRansCodec<C>,
    /// The nearest density, though tables may be better.
    pub(crate) density: Model,
    /// What the codes cost, without side information.
    pub(crate) bits: f64,
}

impl<C: Code> Fit<C> for ContextRans {
    type Fitted = ContextRansCodec<C>;

    fn fit(&self, codes: &[C]) -> Result<ContextRansCodec<C>> {
        Ok(self.fit_codes(codes, 0)?.codec)
    }

    fn fit_below(&self, codes: &[C], level_count: u32) -> Result<ContextRansCodec<C>> {
        Ok(self.fit_codes(codes, level_count)?.codec)
    }
}

/// A static entropy coder with a table for each side of each class of values: see [`ContextRans`].
///
/// Streams are those of [`RansCodec`](crate::RansCodec), with as many lanes as the automaton has.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextRansCodec<C> {
    contexts: Contexts,
    model: Model,
    /// The largest symbol.
    last: u32,
    code: PhantomData<C>,
}

/// The first byte of a stream that is packed: this, and the bits of a code.
use super::PACKED;

impl<C: Code> ContextRansCodec<C> {
    pub(crate) const TAG: u8 = 0x42;

    /// With the tables of a model.
    pub(crate) fn of_model(automaton: Automaton, classes: Classes, model: Model, last: u32) -> Result<Self> {
        let count = classes.count() * automaton.sides();
        let mut contexts = Self::empty(automaton, classes, model, last)?;
        contexts.contexts.reserve(count);
        // One after another, so that what is only needed to make them is gone before the next.
        model.each_table(count, automaton.sides(), last, |table| contexts.contexts.push(table))?;
        Ok(contexts)
    }

    fn of_tables(automaton: Automaton, classes: Classes, tables: Vec<Table>, last: u32) -> Result<Self> {
        let mut contexts = Self::empty(automaton, classes, Model::Tables, last)?;
        contexts.contexts.reserve(tables.len());
        for table in tables {
            contexts.contexts.push(table);
        }
        Ok(contexts)
    }

    /// Without tables.
    fn empty(automaton: Automaton, classes: Classes, model: Model, last: u32) -> Result<Self> {
        Self::check_last(automaton, last)?;
        let contexts = Contexts::new(automaton, classes, bits_of(last));
        Ok(Self { contexts, model, last, code: PhantomData })
    }

    /// Whether tables can be about so many symbols, and codes have room for them.
    fn check_last(automaton: Automaton, last: u32) -> Result<()> {
        let code_width = bits_of(last) + automaton.side_bits();
        if code_width > C::BITS {
            return Err(Error::CodeWidth { level_count: 1 << code_width, code_bits: C::BITS });
        }
        if last >= MOST_SYMBOL {
            let (value, allowed) = (f64::from(last), "codes of less than 2^24 symbols");
            return Err(Error::Setting { name: "codes", value, allowed });
        }
        Ok(())
    }

    /// What earlier codes say about the next.
    pub fn automaton(&self) -> Automaton {
        self.contexts.automaton
    }

    /// The number of tables: one for each side of each class.
    pub fn table_count(&self) -> usize {
        self.contexts.tables.len()
    }

    /// Bytes of levels and tables.
    pub(crate) fn side_bytes(&self) -> usize {
        let levels: usize = self.contexts.classes.parts().iter().map(|(_, levels)| side_bytes(levels)).sum();
        levels + self.table_bytes()
    }

    /// Bytes of tables, if they are written.
    pub(crate) fn table_bytes(&self) -> usize {
        if self.model == Model::Tables { written_bytes(&self.contexts.tables) } else { 0 }
    }

    /// The packing of a stream, with the number of bits from its first byte.
    fn packing(&self, width: u8) -> Result<BitPack<C>> {
        let most = bits_of(self.last) + self.contexts.automaton.side_bits();
        let width = if u32::from(width) > most { 0 } else { width };
        BitPack::new(width.into()).map_err(|_| Error::Corrupt { what: "width of packed codes", found: width.into() })
    }

    fn check(&self, start: usize, count: usize) -> Result<()> {
        check_piece(start, count, 1)?;
        self.contexts.classes.check(start, count)
    }

    fn decoder<'a>(&'a self, mode: u8, start: usize, bytes: &'a [u8]) -> Result<ContextDecoder<'a>> {
        if mode != 0 {
            return Err(Error::Corrupt { what: "kind of a stream", found: mode.into() });
        }
        check_piece(start, 0, self.contexts.automaton.block())?;
        ContextDecoder::new(&self.contexts, start, bytes)
    }
}

impl<C: Code> Codec for ContextRansCodec<C> {
    type Code = C;

    fn max_encoded_len(&self, count: usize) -> usize {
        let width = bits_of(self.last) + self.contexts.automaton.side_bits();
        BitPack::<C>::new(width).map_or(usize::MAX, |packing| packing.max_encoded_len(count).saturating_add(1))
    }

    /// That of packed streams.
    fn block(&self) -> usize {
        8
    }

    fn encode_at(&self, start: usize, codes: &[C], bytes: &mut [u8]) -> Result<usize> {
        self.check(start, codes.len())?;
        let Contexts { automaton, classes, .. } = &self.contexts;
        // All that streams can hold, so that what was decoded can be encoded.
        let level_count = 1_u64 << (bits_of(self.last) + automaton.side_bits());
        let used = codes.iter().fold(0, |used, code| code.to_u32() | used);
        if u64::from(used) >= level_count {
            let index = codes.iter().position(|code| u64::from(code.to_u32()) >= level_count).unwrap_or(0);
            let code = codes[index].to_u32();
            return Err(Error::Code { index: start.saturating_add(index), code, level_count });
        }
        // Codes that the automaton does not know are packed, as those that are larger without it.
        let known = start.is_multiple_of(automaton.block())
            && Contexts::for_each(*automaton, classes, start, codes, |_, _, _| ()).is_ok();
        let width = bits_of(used);
        let packing = self.packing(width as u8)?;
        let packed = 1 + packing.max_encoded_len(codes.len());
        let actual = bytes.len();
        let out = bytes.get_mut(..packed).ok_or(Error::Length { what: "bytes", expected: packed, actual })?;
        let len = if known { self.contexts.encode_back(start, codes, &mut out[1..]) } else { None };
        let Some(len) = len else {
            out[0] = PACKED | width as u8;
            packing.encode_at(start, codes, &mut out[1..])?;
            return Ok(packed);
        };
        out[0] = 0;
        out.copy_within(packed - len.., 1);
        Ok(1 + len)
    }

    fn decode_at(&self, start: usize, bytes: &[u8], codes: &mut [C]) -> Result<usize> {
        let (mode, rest) = split(bytes)?;
        self.check(start, codes.len())?;
        if mode & PACKED != 0 {
            return Ok(1 + self.packing(mode & !PACKED)?.decode_at(start, rest, codes)?);
        }
        let mut decoder = self.decoder(mode, start, rest)?;
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
        self.check(start, count)?;
        if mode & PACKED != 0 {
            return Ok(1 + self.packing(mode & !PACKED)?.decode_pieces(start, rest, count, piece, sink)?);
        }
        let mut decoder = self.decoder(mode, start, rest)?;
        // Nowhere to put them: one after another.
        let mut one = [C::default()];
        let piece = if piece.is_empty() { &mut one } else { piece };
        let mut left = count;
        while left > 0 {
            let len = piece.len().min(left);
            let codes = &mut piece[..len];
            decoder.decode(codes)?;
            sink(codes)?;
            left -= len;
        }
        Ok(1 + decoder.finish()?)
    }

    fn rates(&self) -> Option<Rates> {
        let prices: Vec<Prices> = self.contexts.tables.iter().map(Table::prices).collect();
        Some(Rates { classes: self.contexts.classes.clone(), prices })
    }
}

/// The most levels that a byte of side information may stand for.
const LEVELS_PER_BYTE: usize = 64;

impl<C: Code> Describe for ContextRansCodec<C> {
    fn describe(&self, out: &mut Description) {
        let classes = &self.contexts.classes;
        let levels: Vec<Vec<u8>> = classes.parts().iter().map(|(_, levels)| packed_levels(levels)).collect();
        out.stage(Self::TAG, |out| {
            self.contexts.automaton.write(out);
            out.varint(self.last.into());
            out.u8(classes.parts().len() as u8 | u8::from(self.model == Model::Tables) << 7);
            if let Model::Density { shape, scale, centre } = self.model {
                out.u8(shape as u8);
                out.varint(crate::wire::zigzag(scale.into()));
                out.varint(centre.into());
            } else {
                if !classes.parts().is_empty() {
                    out.varint(classes.count() as u64);
                }
                self.contexts.tables.iter().for_each(|table| table.write(out));
            }
            if !classes.parts().is_empty() {
                out.varint(classes.idle() as u64);
            }
            for ((groups, _), levels) in classes.parts().iter().zip(&levels) {
                groups.write(out);
                out.varint(levels.len() as u64);
            }
        });
        for levels in &levels {
            out.side().bytes(levels);
        }
    }
}

impl<C: Code> Restore for ContextRansCodec<C> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (automaton, last, model, mut contexts, idle, parts) =
            stages.stage(Self::TAG, "an entropy coder with contexts", |bytes| {
                let automaton = Automaton::read(bytes)?;
                let last = bytes.varint()?;
                let what = "largest symbol";
                let last = u32::try_from(last).ok().filter(|&last| last < MOST_SYMBOL);
                let last = last.ok_or(Error::Corrupt { what, found: u64::from(MOST_SYMBOL) })?;
                let flags = bytes.u8()?;
                let count = usize::from(flags & 0x7f);
                let mut contexts = Contexts::new(automaton, Classes::default(), bits_of(last));
                let model = if flags >> 7 == 0 {
                    Model::read(bytes, last)?
                } else {
                    let classes = if count > 0 { bytes.size()? } else { 1 };
                    if classes > MOST_CLASSES {
                        return Err(Error::Corrupt { what: "classes of an entropy coder", found: classes as u64 });
                    }
                    contexts.reserve(classes * automaton.sides());
                    for _ in 0..classes * automaton.sides() {
                        let table = Table::read(bytes)?;
                        if table.bits() != BITS || table.width() != bits_of(last) {
                            return Err(Error::Corrupt { what: "width of a table", found: last.into() });
                        }
                        contexts.push(table);
                    }
                    Model::Tables
                };
                if count > MOST_PARTS {
                    return Err(Error::Corrupt { what: "groupings", found: count as u64 });
                }
                let idle = if count > 0 { bytes.size()? } else { 0 };
                let mut parts = Vec::with_capacity(count);
                for _ in 0..count {
                    parts.push((Groups::read(bytes)?, bytes.size()?));
                }
                Ok((automaton, last, model, contexts, idle, parts))
            })?;
        let mut levelled = Vec::with_capacity(parts.len());
        for (groups, len) in parts {
            let mut side = stages.side(len)?;
            let count = groups.count();
            if count / LEVELS_PER_BYTE > len {
                return Err(Error::Corrupt { what: "groups of an entropy coder", found: count as u64 });
            }
            let bytes = side.bytes(len)?;
            levelled.push((groups, unpacked_levels(bytes, count)?));
        }
        let classes = Classes::new(levelled, idle)
            .map_err(|_| Error::Corrupt { what: "classes of an entropy coder", found: idle as u64 })?;
        if model == Model::Tables {
            if contexts.tables.len() != classes.count() * automaton.sides() {
                let found = contexts.tables.len() as u64;
                return Err(Error::Corrupt { what: "tables of an entropy coder", found });
            }
            Self::check_last(automaton, last)?;
            contexts.classes = classes;
            return Ok(Self { contexts, model, last, code: PhantomData });
        }
        Self::of_model(automaton, classes, model, last)
    }
}

fn written_bytes(tables: &[Table]) -> usize {
    let mut bytes = Vec::new();
    for table in tables {
        table.write(&mut crate::wire::Writer { bytes: &mut bytes });
    }
    bytes.len()
}

/// Bytes of side information that classes take.
pub(crate) fn side_bytes(levels: &[u8]) -> usize {
    packed_levels(levels).len()
}

/// Levels are entropy coded themselves: a table and a stream; or packed, if they would be fewer than a byte stands for.
fn packed_levels(levels: &[u8]) -> Vec<u8> {
    let width = bits_of(levels.iter().fold(0, |used, &level| used | u32::from(level)));
    let mut packed = vec![PACKED | width as u8];
    if let Ok(packing) = BitPack::<u8>::new(width) {
        let mut bytes = vec![0; packing.max_encoded_len(levels.len())];
        if packing.encode_at(0, levels, &mut bytes).is_ok() {
            packed.append(&mut bytes);
        }
    }
    let mut counts = [0; 1 << 8];
    for &level in levels {
        counts[usize::from(level)] += 1;
    }
    let coded = Table::from_counts(&counts, 8).and_then(|table| {
        let mut bytes = vec![0];
        table.write(&mut crate::wire::Writer { bytes: &mut bytes });
        bytes.append(&mut table.encode(levels, 1)?);
        Ok(bytes)
    });
    match coded {
        Ok(coded) if coded.len() < packed.len() && levels.len() / LEVELS_PER_BYTE <= coded.len() => coded,
        _ => packed,
    }
}

fn unpacked_levels(bytes: &[u8], count: usize) -> Result<Vec<u8>> {
    let (mode, rest) = split(bytes)?;
    if mode & PACKED != 0 {
        let packing = BitPack::<u8>::new((mode & !PACKED).into());
        let packing = packing.map_err(|_| Error::Corrupt { what: "width of packed levels", found: mode.into() })?;
        if rest.len() != packing.max_encoded_len(count) {
            return Err(Error::Corrupt { what: "bytes of packed levels", found: rest.len() as u64 });
        }
        return crate::codec::CodecExt::decode(&packing, rest, count);
    }
    if mode != 0 {
        return Err(Error::Corrupt { what: "kind of levels", found: mode.into() });
    }
    let mut reader = crate::wire::Reader::new(rest);
    let table = Table::read(&mut reader)?;
    if table.width() > 8 {
        return Err(Error::Corrupt { what: "width of a table", found: table.width().into() });
    }
    table.decode(reader.rest, count, 1)
}
