//! The stage with several tables, and its bytes.

use super::{
    PACKED, Table, bits_of,
    context_stream::ContextDecoder,
    context_tables::{BITS, Contexts, MOST_SYMBOL},
    density::Shapes,
    levels::{packed_levels, side_bytes, unpacked_levels},
    model::{Model, ONE_SIDED},
    spike_mask::SpikeMask,
    split,
    stream::in_pieces,
};
use crate::{
    automaton::Automaton,
    classes::{Classes, MOST_CLASSES, MOST_PARTS},
    code::Code,
    codec::{BitPack, Codec},
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result, check_piece},
    groups::Groups,
    rates::{Prices, Rates},
    wire::{Reader, Writer, zigzag},
};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// A static entropy coder with a table for each side of each class of values: see [`ContextRans`](crate::ContextRans).
///
/// Streams are those of [`RansCodec`](crate::RansCodec), with as many lanes as the automaton has.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextRansCodec<C> {
    pub(super) contexts: Contexts,
    model: Model,
    /// The largest symbol that is no spike.
    last: u32,
    code: PhantomData<C>,
}

impl<C: Code> ContextRansCodec<C> {
    pub(crate) const TAG: u8 = 0x42;

    /// With the tables of a model; those of spikes are known.
    pub(crate) fn of_model(
        automaton: Automaton,
        classes: Classes,
        spikes: Option<(SpikeMask, Table)>,
        model: Model,
        last: u32,
        shapes: &mut Shapes,
    ) -> Result<Self> {
        let mut codec = Self::empty(automaton, spikes, model, last)?;
        codec.contexts.set_classes(classes);
        codec.push_model(shapes)?;
        Ok(codec)
    }

    pub(super) fn of_tables(
        automaton: Automaton,
        classes: Classes,
        spikes: Option<(SpikeMask, Table)>,
        tables: Vec<Table>,
        last: u32,
    ) -> Result<Self> {
        let mut codec = Self::empty(automaton, spikes, Model::Tables, last)?;
        codec.contexts.set_classes(classes);
        codec.contexts.reserve(tables.len());
        for table in tables {
            codec.contexts.push(table);
        }
        Ok(codec)
    }

    /// With one class, and no tables but that of spikes.
    fn empty(automaton: Automaton, spikes: Option<(SpikeMask, Table)>, model: Model, last: u32) -> Result<Self> {
        let (mask, table) = spikes.unzip();
        let top = last + mask.as_ref().map_or(0, |mask| mask.count);
        Self::check_last(automaton, top)?;
        let mut contexts = Contexts::new(automaton, mask, bits_of(top));
        if let Some(table) = table {
            contexts.push(table);
            if automaton.sides() > 1 {
                // Spikes have one side.
                contexts.push(Table::of_none(top)?);
            }
        }
        Ok(Self { contexts, model, last, code: PhantomData })
    }

    /// The tables of all classes but that of spikes.
    fn push_model(&mut self, shapes: &mut Shapes) -> Result<()> {
        let width = bits_of(self.top());
        let Self { contexts, model, last, .. } = self;
        let sides = contexts.automaton.sides();
        let count = contexts.classes.count() * sides - contexts.tables.len();
        contexts.reserve(count);
        // One after another, so that what is only needed to make them is gone before the next.
        model.each_table((count, sides), (*last, width), shapes, |frequencies| {
            contexts.push(frequencies.table()?);
            Ok(())
        })
    }

    /// The largest symbol.
    fn top(&self) -> u32 {
        self.last + self.contexts.mask.as_ref().map_or(0, |mask| mask.count)
    }

    /// The tables of all classes but that of spikes.
    fn tables(&self) -> &[Table] {
        let Contexts { automaton, classes, tables, .. } = &self.contexts;
        &tables[classes.first() * automaton.sides()..]
    }

    fn write_spikes(&self, out: &mut Writer<'_>) {
        if let Some(mask) = &self.contexts.mask {
            mask.write(out);
            self.contexts.tables[0].write(out);
        }
    }

    /// Whether tables can be about so many symbols, and codes have room for them.
    pub(super) fn check_last(automaton: Automaton, last: u32) -> Result<()> {
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
        let mut spikes = Vec::new();
        self.write_spikes(&mut Writer { bytes: &mut spikes });
        levels + spikes.len() + if self.model == Model::Tables { written_bytes(self.tables()) } else { 0 }
    }

    /// The packing of a stream, with the number of bits from its first byte.
    fn packing(&self, width: u8) -> Result<BitPack<C>> {
        let most = bits_of(self.top()) + self.contexts.automaton.side_bits();
        let width = if u32::from(width) > most { 0 } else { width };
        BitPack::new(width.into()).map_err(|_| Error::Corrupt { what: "width of packed codes", found: width.into() })
    }

    fn check(&self, start: usize, count: usize) -> Result<()> {
        check_piece(start, count, 1)?;
        self.contexts.classes.check(start, count)
    }

    fn decoder<'a>(&'a self, mode: u8, start: usize, count: usize, bytes: &'a [u8]) -> Result<ContextDecoder<'a>> {
        if mode != 0 {
            return Err(Error::Corrupt { what: "kind of a stream", found: mode.into() });
        }
        check_piece(start, 0, self.contexts.automaton.block())?;
        ContextDecoder::new(&self.contexts, start, count, bytes)
    }
}

impl<C: Code> Codec for ContextRansCodec<C> {
    type Code = C;

    fn max_encoded_len(&self, count: usize) -> usize {
        let width = bits_of(self.top()) + self.contexts.automaton.side_bits();
        BitPack::<C>::new(width).map_or(usize::MAX, |packing| packing.max_encoded_len(count).saturating_add(1))
    }

    /// That of packed streams.
    fn block(&self) -> usize {
        8
    }

    fn encode_at(&self, start: usize, codes: &[C], bytes: &mut [u8]) -> Result<usize> {
        self.check(start, codes.len())?;
        let automaton = self.contexts.automaton;
        // All that streams can hold, so that what was decoded can be encoded.
        let level_count = 1_u64 << (bits_of(self.top()) + automaton.side_bits());
        let used = codes.iter().fold(0, |used, code| code.to_u32() | used);
        if u64::from(used) >= level_count {
            let index = codes.iter().position(|code| u64::from(code.to_u32()) >= level_count).unwrap_or(0);
            let code = codes[index].to_u32();
            return Err(Error::Code { index: start.saturating_add(index), code, level_count });
        }
        // Codes that the automaton does not know are packed, as those that are larger without it.
        let known = start.is_multiple_of(automaton.block()) && self.contexts.fits(start, codes);
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
        let mut decoder = self.decoder(mode, start, codes.len(), rest)?;
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
        let mut decoder = self.decoder(mode, start, count, rest)?;
        in_pieces(count, piece, sink, |codes| decoder.decode(codes))?;
        Ok(1 + decoder.finish()?)
    }

    fn rates(&self) -> Option<Rates> {
        let prices: Vec<Prices> = self.contexts.tables.iter().map(Table::prices).collect();
        Some(Rates { classes: self.contexts.classes.clone(), prices })
    }
}

impl<C: Code> Describe for ContextRansCodec<C> {
    fn describe(&self, out: &mut Description) {
        let classes = &self.contexts.classes;
        let levels: Vec<Vec<u8>> = classes.parts().iter().map(|(_, levels)| packed_levels(levels)).collect();
        out.stage(Self::TAG, |out| {
            self.contexts.automaton.write(out);
            out.varint(self.last.into());
            let flags = u8::from(classes.has_spikes()) << 6 | u8::from(self.model == Model::Tables) << 7;
            out.u8(classes.parts().len() as u8 | flags);
            self.write_spikes(out);
            if let Model::Density { shape, scale, centre, one_sided } = self.model {
                out.u8(shape as u8 | if one_sided { ONE_SIDED } else { 0 });
                out.varint(zigzag(scale.into()));
                out.varint(centre.into());
            } else {
                if !classes.parts().is_empty() {
                    out.varint((classes.count() - classes.first()) as u64);
                }
                self.tables().iter().for_each(|table| table.write(out));
            }
            if !classes.parts().is_empty() {
                out.varint((classes.idle() - classes.first()) as u64);
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
        let read = stages.stage(Self::TAG, "an entropy coder with contexts", Self::read)?;
        let (mut codec, idle, parts) = read;
        let mut levelled = Vec::with_capacity(parts.len());
        for (groups, len) in parts {
            let mut side = stages.side(len)?;
            levelled.push((groups, unpacked_levels(side.bytes(len)?, groups.count())?));
        }
        let classes = Classes::new(levelled, idle)
            .map_err(|_| Error::Corrupt { what: "classes of an entropy coder", found: idle as u64 })?;
        codec.contexts.set_classes(classes);
        if codec.model != Model::Tables {
            codec.push_model(&mut Shapes::default())?;
        }
        let Contexts { automaton, classes, tables, .. } = &codec.contexts;
        if tables.len() != classes.count() * automaton.sides() {
            return Err(Error::Corrupt { what: "tables of an entropy coder", found: tables.len() as u64 });
        }
        Ok(codec)
    }
}

/// Groups, and how many bytes their levels take.
type Parts = Vec<(Groups, usize)>;

impl<C: Code> ContextRansCodec<C> {
    /// What stands before side information; tables of a density are still to be made. The number is that of idle classes.
    fn read(bytes: &mut Reader<'_>) -> Result<(Self, usize, Parts)> {
        let automaton = Automaton::read(bytes)?;
        let last = bytes.varint()?;
        let largest = |last: u64| u32::try_from(last).ok().filter(|&last| last < MOST_SYMBOL);
        let corrupt = Error::Corrupt { what: "largest symbol", found: last };
        let last = largest(last).ok_or(corrupt.clone())?;
        let flags = bytes.u8()?;
        let count = usize::from(flags & 0x3f);
        if count > MOST_PARTS {
            return Err(Error::Corrupt { what: "groupings", found: count as u64 });
        }
        let mask = if flags >> 6 & 1 == 1 { Some(SpikeMask::read(bytes, last)?) } else { None };
        let top = u64::from(last) + mask.as_ref().map_or(0, |mask| mask.count.into());
        let width = bits_of(largest(top).ok_or(corrupt)?);
        let table = |bytes: &mut Reader<'_>| {
            let table = Table::read(bytes)?;
            if table.bits() != BITS || table.width() != width {
                return Err(Error::Corrupt { what: "width of a table", found: table.width().into() });
            }
            Ok(table)
        };
        let spikes = mask.map(|mask| Ok((mask, table(bytes)?))).transpose()?;
        let model = if flags >> 7 == 0 { Model::read(bytes, last)? } else { Model::Tables };
        let mut codec = Self::empty(automaton, spikes, model, last)?;
        if model == Model::Tables {
            let classes = if count > 0 { bytes.size()? } else { 1 };
            if classes > MOST_CLASSES {
                return Err(Error::Corrupt { what: "classes of an entropy coder", found: classes as u64 });
            }
            codec.contexts.reserve(classes * automaton.sides());
            for _ in 0..classes * automaton.sides() {
                codec.contexts.push(table(bytes)?);
            }
        }
        let idle = if count > 0 { bytes.size()? } else { 0 };
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push((Groups::read(bytes)?, bytes.size()?));
        }
        Ok((codec, idle, parts))
    }
}

/// Bytes of tables.
pub(super) fn written_bytes(tables: &[Table]) -> usize {
    let mut bytes = Vec::new();
    for table in tables {
        table.write(&mut Writer { bytes: &mut bytes });
    }
    bytes.len()
}
