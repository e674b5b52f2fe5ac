//! A frame of codes that are known already.

use crate::{
    codec::{Codec, ContextRansCodec},
    description::{Describe, Description},
    element::{Values, ValuesMut},
    error::Result,
    pipeline::{Coded, Pipeline},
    quantizer::Quantizer,
};
use alloc::{boxed::Box, vec::Vec};

/// A pipeline for values whose codes are known: those that estimates are about.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) pipeline: Coded<Box<dyn Quantizer<Code = u32>>, ContextRansCodec<u32>>,
    pub(super) codes: Vec<u32>,
}

impl Pipeline for Chosen {
    fn max_encoded_len(&self, values: usize) -> usize {
        self.pipeline.max_encoded_len(values)
    }

    fn encoded_len(&self, values: usize) -> Option<usize> {
        self.pipeline.encoded_len(values)
    }

    fn block(&self) -> usize {
        self.pipeline.block()
    }

    fn check_len(&self, values: usize) -> Result<()> {
        self.pipeline.check_len(values)
    }

    fn encode_at(&self, start: usize, values: Values<'_>, bytes: &mut [u8]) -> Result<usize> {
        let codes = start.checked_add(values.len()).and_then(|end| self.codes.get(start..end));
        match codes {
            Some(codes) => self.pipeline.codec.encode_at(start, codes, bytes),
            None => self.pipeline.encode_at(start, values, bytes),
        }
    }

    fn decode_at(&self, start: usize, bytes: &[u8], values: ValuesMut<'_>) -> Result<usize> {
        self.pipeline.decode_at(start, bytes, values)
    }
}

impl Describe for Chosen {
    fn describe(&self, out: &mut Description) {
        self.pipeline.describe(out);
    }
}
