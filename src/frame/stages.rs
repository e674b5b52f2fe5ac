//! The list of built-in stages: a new stage is one new file and one line here.

use crate::{
    code::Code,
    codec::{BitPack, ByteShuffle, CodeMap, Codec, ContextRansCodec, Difference, RansCodec, ZigZag},
    description::{FOREIGN_TAGS, Restore, Stages},
    error::{Error, Result},
    pipeline::{Blocks, Coded, LosslessPipeline, Masked, Pipeline, TrellisBlocksPipeline},
    quantizer::{
        AffineQuantizer, BoundedQuantizer, Codebook, CodebookQuantizer, Grid, Minifloat, Quantizer, Scaled,
        TrellisQuantizer, UniformQuantizer,
    },
    then::Then,
    transform::{CompandTransform, Dct, Hadamard, PcaTransform, StandardizeTransform, Transform},
};
use alloc::boxed::Box;

impl<C: Code> Restore for Box<dyn Quantizer<Code = C>> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        const SCALED: u8 = Scaled::<Grid>::TAG;
        const AFFINE: u8 = AffineQuantizer::<u8>::TAG;
        const TRELLIS: u8 = TrellisQuantizer::<u8>::TAG;
        const BOUNDED: u8 = BoundedQuantizer::<u8>::TAG;
        let mut ahead = stages.clone();
        let (tag, _) = ahead.next()?;
        match (tag, ahead.peek()) {
            (SCALED, None) => Err(nothing_behind(tag)),
            (SCALED, Some(Grid::TAG)) => Ok(Box::new(UniformQuantizer::<C>::restore(stages)?)),
            (SCALED, Some(Codebook::TAG)) => Ok(Box::new(CodebookQuantizer::<C>::restore(stages)?)),
            (SCALED, Some(Minifloat::TAG)) => Ok(Box::new(Scaled::<Minifloat, C>::restore(stages)?)),
            (SCALED, Some(unit)) => Err(unknown(unit, "the levels of a built-in quantizer")),
            (tag, _) if is_transform(tag) => {
                check_depth(stages.clone(), is_transform, "transforms in a row")?;
                Ok(Box::new(Then::<Box<dyn Transform>, Self>::restore(stages)?))
            }
            (TRELLIS, _) => Ok(Box::new(TrellisQuantizer::<C>::restore(stages)?)),
            (BOUNDED, _) => Ok(Box::new(BoundedQuantizer::<C>::restore(stages)?)),
            (AFFINE, _) => Ok(Box::new(AffineQuantizer::<C>::restore(stages)?)),
            _ => Err(unknown(tag, "a built-in quantizer")),
        }
    }
}

impl Restore for Box<dyn Transform> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        match stages.clone().next()?.0 {
            Hadamard::TAG => Ok(Box::new(Hadamard::restore(stages)?)),
            Dct::TAG => Ok(Box::new(Dct::restore(stages)?)),
            StandardizeTransform::TAG => Ok(Box::new(StandardizeTransform::restore(stages)?)),
            CompandTransform::TAG => Ok(Box::new(CompandTransform::restore(stages)?)),
            PcaTransform::TAG => Ok(Box::new(PcaTransform::restore(stages)?)),
            tag => Err(unknown(tag, "a built-in transform")),
        }
    }
}

impl<C: Code> Restore for Box<dyn Codec<Code = C>> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        const BIT_PACK: u8 = BitPack::<u8>::TAG;
        const RANS: u8 = RansCodec::<u8>::TAG;
        const CONTEXTS: u8 = ContextRansCodec::<u8>::TAG;
        match stages.clone().next()?.0 {
            BIT_PACK => Ok(Box::new(BitPack::<C>::restore(stages)?)),
            RANS => Ok(Box::new(RansCodec::<C>::restore(stages)?)),
            CONTEXTS => Ok(Box::new(ContextRansCodec::<C>::restore(stages)?)),
            tag if is_code_map(tag) => {
                check_depth(stages.clone(), is_code_map, "maps of codes in a row")?;
                Ok(Box::new(Then::<Box<dyn CodeMap<Code = C>>, Self>::restore(stages)?))
            }
            tag => Err(unknown(tag, "a built-in codec")),
        }
    }
}

impl<C: Code> Restore for Box<dyn CodeMap<Code = C>> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        match stages.clone().next()?.0 {
            DIFFERENCE => Ok(Box::new(Difference::<C>::restore(stages)?)),
            ZIGZAG => Ok(Box::new(ZigZag::<C>::restore(stages)?)),
            BYTE_SHUFFLE => Ok(Box::new(ByteShuffle::<C>::restore(stages)?)),
            tag => Err(unknown(tag, "a built-in map of codes")),
        }
    }
}

/// A mask in front of another pipeline, one that loses nothing, self-scaled or trellis-coded blocks, or a quantizer and a codec with the narrowest codes that both can have.
impl Restore for Box<dyn Pipeline> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        const BLOCKS: u8 = Blocks::<Grid>::TAG;
        if stages.peek() == Some(Masked::<Self>::TAG) {
            return Ok(Box::new(Masked::<Self>::restore(stages)?));
        }
        if stages.peek() == Some(LosslessPipeline::TAG) {
            return Ok(Box::new(LosslessPipeline::restore(stages)?));
        }
        if stages.peek() == Some(TrellisBlocksPipeline::TAG) {
            return Ok(Box::new(TrellisBlocksPipeline::restore(stages)?));
        }
        if stages.peek() == Some(BLOCKS) {
            let mut ahead = stages.clone();
            ahead.next()?;
            return match ahead.peek() {
                Some(Grid::TAG) => Ok(Box::new(Blocks::<Grid>::restore(stages)?)),
                Some(Codebook::TAG) => Ok(Box::new(Blocks::<Codebook>::restore(stages)?)),
                Some(Minifloat::TAG) => Ok(Box::new(Blocks::<Minifloat>::restore(stages)?)),
                Some(levels) => Err(unknown(levels, "the levels of built-in blocks")),
                None => Err(nothing_behind(BLOCKS)),
            };
        }
        match coded::<u8>(stages) {
            Err(Error::CodeWidth { .. }) => match coded::<u16>(stages) {
                Err(Error::CodeWidth { .. }) => coded::<u32>(stages),
                result => result,
            },
            result => result,
        }
    }
}

fn coded<C: Code>(stages: &mut Stages<'_>) -> Result<Box<dyn Pipeline>> {
    let mut ahead = stages.clone();
    let pipeline = Coded::<Box<dyn Quantizer<Code = C>>, Box<dyn Codec<Code = C>>>::restore(&mut ahead)?;
    *stages = ahead;
    Ok(Box::new(pipeline))
}

const DIFFERENCE: u8 = Difference::<u8>::TAG;
const ZIGZAG: u8 = ZigZag::<u8>::TAG;
const BYTE_SHUFFLE: u8 = ByteShuffle::<u8>::TAG;

fn is_transform(tag: u8) -> bool {
    matches!(tag, Hadamard::TAG | Dct::TAG | StandardizeTransform::TAG | CompandTransform::TAG | PcaTransform::TAG)
}

fn is_code_map(tag: u8) -> bool {
    matches!(tag, DIFFERENCE | ZIGZAG | BYTE_SHUFFLE)
}

/// Stages in a row are not so many that their windows could fill a stack.
fn check_depth(mut stages: Stages<'_>, counts: fn(u8) -> bool, what: &'static str) -> Result<()> {
    const MOST: usize = 4;
    let mut depth = 0;
    while stages.peek().is_some_and(counts) {
        stages.next()?;
        depth += 1;
    }
    if depth <= MOST { Ok(()) } else { Err(Error::Corrupt { what, found: depth as u64 }) }
}

/// A stage that needs levels is the last one.
fn nothing_behind(tag: u8) -> Error {
    Error::Corrupt { what: "no levels behind stage", found: tag.into() }
}

fn unknown(found: u8, what: &'static str) -> Error {
    if found >= FOREIGN_TAGS { Error::ForeignStage { tag: found } } else { Error::WrongStage { what, found } }
}
