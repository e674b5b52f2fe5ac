//! A map of codes, then a codec: a codec.

use super::{CodeMap, Codec, take};
use crate::{
    element::PIECE,
    error::{Result, damaged},
    fit::Fit,
    memory::filled,
    then::Then,
};
/// Encoding allocates a code for each. So does decoding if the map has to remember more than 4,096 codes; otherwise it
/// allocates what the codec says.
impl<M: CodeMap, K: Codec<Code = M::Code>> Codec for Then<M, K> {
    type Code = M::Code;

    fn max_encoded_len(&self, count: usize) -> usize {
        self.second.max_encoded_len(count)
    }

    /// Streams that depend on what is before them cannot be joined, so that their rate counts as variable.
    fn encoded_len(&self, count: usize) -> Option<usize> {
        if self.first.history_len() == 0 { self.second.encoded_len(count) } else { None }
    }

    fn block(&self) -> usize {
        self.second.block()
    }

    fn encode_at(&self, start: usize, codes: &[M::Code], bytes: &mut [u8]) -> Result<usize> {
        let mut mapped = filled(codes.len())?;
        mapped.copy_from_slice(codes);
        self.first.forward_at(start, &mut mapped)?;
        self.second.encode_at(start, &mapped, bytes)
    }

    fn decode_at(&self, start: usize, bytes: &[u8], codes: &mut [M::Code]) -> Result<usize> {
        let read = self.second.decode_at(start, bytes, codes)?;
        self.first.inverse_at(start, codes, &mut []).map_err(damaged)?;
        Ok(read)
    }

    fn decode_pieces(
        &self,
        start: usize,
        bytes: &[u8],
        count: usize,
        piece: &mut [M::Code],
        sink: &mut dyn FnMut(&mut [M::Code]) -> Result<()>,
    ) -> Result<usize> {
        if let Some(needed) = self.second.encoded_len(count) {
            // Before memory is taken for a count.
            take(bytes, needed)?;
        }
        let mut history = [M::Code::default(); PIECE];
        let Some(history) = history.get_mut(..self.first.history_len()) else {
            let mut codes = filled(count)?;
            let read = self.decode_at(start, bytes, &mut codes)?;
            codes.chunks_mut(piece.len().max(1)).try_for_each(sink)?;
            return Ok(read);
        };
        let mut done = 0;
        self.second.decode_pieces(start, bytes, count, piece, &mut |codes| {
            self.first.inverse_at(start + done, codes, history).map_err(damaged)?;
            done += codes.len();
            sink(codes)
        })
    }
}

/// A map, and a codec that is fitted to what it makes of codes.
macro_rules! fit {
    ($($code:ty),*) => {$(
        impl<M, K> Fit<$code> for Then<M, K>
        where
            M: CodeMap<Code = $code> + Clone,
            K: Fit<$code, Fitted: Codec<Code = $code>>,
        {
            type Fitted = Then<M, K::Fitted>;

            fn fit(&self, codes: &[$code]) -> Result<Self::Fitted> {
                let mut mapped = codes.to_vec();
                self.first.forward_at(0, &mut mapped)?;
                Ok(Then::new(self.first.clone(), self.second.fit_below(&mapped, self.first.level_count())?))
            }
        }
    )*};
}
fit!(u8, u16, u32);
