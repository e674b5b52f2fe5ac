//! The stage with several tables, and its bytes.

use super::{
    PACKED, Table, bits_of,
    context_stream::{BITS, ContextDecoder, Contexts, MOST_SYMBOL},
    density::Shapes,
    levels::{packed_levels, side_bytes, unpacked_levels},
    model::Model,
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
    wire::{Writer, zigzag},
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
    /// The largest symbol.
    last: u32,
    code: PhantomData<C>,
}

impl<C: Code> ContextRansCodec<C> {
    pub(crate) const TAG: u8 = 0x42;

    /// With the tables of a model.
    pub(crate) fn of_model(
        automaton: Automaton,
        classes: Classes,
        model: Model,
        last: u32,
        shapes: &mut Shapes,
    ) -> Result<Self> {
        let count = classes.count() * automaton.sides();
        let mut contexts = Self::empty(automaton, classes, model, last)?;
        contexts.contexts.reserve(count);
        // One after another, so that what is only needed to make them is gone before the next.
        model.each_table(count, automaton.sides(), last, shapes, |frequencies| {
            contexts.contexts.push(frequencies.table()?);
            Ok(())
        })?;
        Ok(contexts)
    }

    pub(super) fn of_tables(automaton: Automaton, classes: Classes, tables: Vec<Table>, last: u32) -> Result<Self> {
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
        levels + if self.model == Model::Tables { written_bytes(&self.contexts.tables) } else { 0 }
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
            out.u8(classes.parts().len() as u8 | u8::from(self.model == Model::Tables) << 7);
            if let Model::Density { shape, scale, centre } = self.model {
                out.u8(shape as u8);
                out.varint(zigzag(scale.into()));
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
            levelled.push((groups, unpacked_levels(side.bytes(len)?, groups.count())?));
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
        Self::of_model(automaton, classes, model, last, &mut Shapes::default())
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
