//! The list of built-in stages: a new stage is one new file and one line here.

use crate::{
    code::Code,
    codec::{BitPack, Codec},
    description::{FOREIGN_TAGS, Restore, Stages},
    error::{Error, Result},
    pipeline::{Coded, Pipeline},
    quantizer::{Grid, Quantizer, Scaled, UniformQuantizer},
};
use alloc::boxed::Box;

impl<C: Code> Restore for Box<dyn Quantizer<Code = C>> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        const SCALED: u8 = Scaled::<Grid<u8>>::TAG;
        const GRID: u8 = Grid::<u8>::TAG;
        let mut ahead = stages.clone();
        let (tag, _) = ahead.next()?;
        match (tag, ahead.peek()) {
            (SCALED, Some(GRID)) => Ok(Box::new(UniformQuantizer::<C>::restore(stages)?)),
            (SCALED, Some(unit)) => Err(unknown(unit, "the levels of a built-in quantizer")),
            _ => Err(unknown(tag, "a built-in quantizer")),
        }
    }
}

impl<C: Code> Restore for Box<dyn Codec<Code = C>> {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        const BIT_PACK: u8 = BitPack::<u8>::TAG;
        match stages.clone().next()?.0 {
            BIT_PACK => Ok(Box::new(BitPack::<C>::restore(stages)?)),
            tag => Err(unknown(tag, "a built-in codec")),
        }
    }
}

fn unknown(found: u8, what: &'static str) -> Error {
    if found >= FOREIGN_TAGS { Error::ForeignStage { tag: found } } else { Error::WrongStage { what, found } }
}

/// The pipeline that a frame describes.
pub(super) fn built_in(code_bits: Option<u32>, mut stages: Stages<'_>) -> Result<Box<dyn Pipeline>> {
    let pipeline: Box<dyn Pipeline> = match code_bits {
        Some(8) => coded::<u8>(&mut stages)?,
        Some(16) => coded::<u16>(&mut stages)?,
        Some(_) => coded::<u32>(&mut stages)?,
        None => return Err(unknown(stages.next()?.0, "a built-in pipeline without codes")),
    };
    stages.finish()?;
    Ok(pipeline)
}

fn coded<C: Code>(stages: &mut Stages<'_>) -> Result<Box<dyn Pipeline>> {
    Ok(Box::new(Coded::<Box<dyn Quantizer<Code = C>>, Box<dyn Codec<Code = C>>>::restore(stages)?))
}
