//! Frames by several threads: the same bytes and the same values.

use super::{
    CHECKSUM, FrameDecoder, FrameWriter, Limits,
    chunks::{Chunk, Walk},
    decode::{check_rate, decode_stream},
};
use crate::{
    element::Element,
    error::{Result, same_length},
    memory::resize,
    pipeline::Pipeline,
    wire::put_varint,
};
use alloc::{vec, vec::Vec};
use rayon::prelude::*;

/// Chunks that are in memory at a time, for each thread: enough that none waits long for the others.
const CHUNKS_PER_THREAD: usize = 4;

fn chunks_in_flight() -> usize {
    rayon::current_num_threads().max(1).saturating_mul(CHUNKS_PER_THREAD)
}

impl<P: Pipeline + ?Sized> FrameWriter<'_, P> {
    /// As [`encode`](Self::encode), with the chunks encoded by the threads of the current pool of `rayon`: the same bytes,
    /// whatever their number.
    ///
    /// Memory beside the input: [`max_encoded_len`](Self::max_encoded_len) bytes, those of the frame, and for each thread that of the
    /// pipeline. Frames of one chunk gain nothing: choose a [`chunk_len`](Self::chunk_len) that gives each thread several.
    ///
    /// ```
    /// use fewbits::{Coded, FrameWriter, Uniform};
    ///
    /// let values: Vec<f32> = (0..100_000).map(|i| (i as f32).sin()).collect();
    /// let pipeline = Coded::packed(Uniform::new(4).fit_range(-1.0, 1.0)?);
    /// let writer = FrameWriter::new(&pipeline).chunk_len(10_000);
    /// assert_eq!(writer.encode_parallel(&values)?, writer.encode(&values)?);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn encode_parallel<T: Element>(&self, values: &[T]) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.max_encoded_len(values.len())];
        let len = self.encode_parallel_into(values, &mut bytes)?;
        bytes.truncate(len);
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// As [`encode_into`](Self::encode_into), by several threads, each chunk where its longest stream would be.
    pub fn encode_parallel_into<T: Element>(&self, values: &[T], bytes: &mut [u8]) -> Result<usize> {
        self.encode_by(values, bytes, Self::encode_chunks_parallel)
    }

    fn encode_chunks_parallel<T: Element>(
        &self,
        values: &[T],
        payload: &mut [u8],
        table: &mut Vec<u8>,
    ) -> Result<usize> {
        let room = self.pipeline.max_encoded_len(self.chunk_len).saturating_add(CHECKSUM);
        let chunks = values.par_chunks(self.chunk_len).zip(payload.par_chunks_mut(room)).enumerate();
        // Streams of a fixed rate fill their room, and are where they belong. Others are copied out and back, by all threads:
        // moved within the payload, they would have to wait for each other.
        let fixed = self.pipeline.encoded_len(self.chunk_len).is_some();
        let encode = |(i, (chunk, room)): (usize, (&[T], &mut [u8]))| {
            let len = self.encode_chunk(i * self.chunk_len, chunk, room)?;
            Ok((len, if fixed { Vec::new() } else { room[..len].to_vec() }))
        };
        let streams: Vec<Result<(usize, Vec<u8>)>> = chunks.map(encode).collect();
        let (mut at, mut moved) = (0, Vec::with_capacity(streams.len()));
        for (i, stream) in streams.into_iter().enumerate() {
            // The first error of all, as without threads.
            let (len, stream) = stream?;
            if fixed && at != i * room {
                // The rate is not what it was said to be.
                payload.copy_within(i * room..i * room + len, at);
            }
            put_varint(table, (len - CHECKSUM) as u64);
            moved.push(stream);
            at += len;
        }
        let (mut places, mut rest) = (Vec::with_capacity(moved.len()), payload);
        for stream in moved {
            let (place, later) = rest.split_at_mut(stream.len());
            places.push((place, stream));
            rest = later;
        }
        places.into_par_iter().for_each(|(place, stream)| place.copy_from_slice(&stream));
        Ok(at)
    }
}

impl<P: Pipeline> FrameDecoder<'_, P> {
    /// As [`decode`](Self::decode), with the chunks decoded by the threads of the current pool of `rayon`.
    ///
    /// ```
    /// use fewbits::{Blocks, Frame, FrameWriter};
    ///
    /// let values: Vec<f32> = (0..100_000).map(|i| (i as f32).sin()).collect();
    /// let bytes = FrameWriter::new(&Blocks::uniform(8, 64)?).chunk_len(10_000).encode(&values)?;
    /// let decoder = Frame::parse(&bytes)?.decoder()?;
    /// assert_eq!(decoder.decode_parallel::<f32>()?, decoder.decode::<f32>()?);
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    pub fn decode_parallel<T: Element>(&self) -> Result<Vec<T>> {
        self.decode_parallel_within(Limits::default())
    }

    /// As [`decode_within`](Self::decode_within), by several threads; memory grows four chunks a thread ahead of those
    /// that have decoded.
    pub fn decode_parallel_within<T: Element>(&self, limits: Limits) -> Result<Vec<T>> {
        let len = self.frame().len();
        limits.check(len, size_of::<T>(), self.frame().byte_len)?;
        self.check_element::<T>()?;
        let mut values = Vec::new();
        let mut walk = self.frame().walk();
        loop {
            let batch = self.next_batch(&mut walk)?;
            let Some(last) = batch.last() else { return Ok(values) };
            let done = values.len();
            resize(&mut values, last.values.end)?;
            self.decode_batch(&batch, &mut values[done..])?;
        }
    }

    /// As [`decode_into`](Self::decode_into), by several threads.
    pub fn decode_parallel_into<T: Element>(&self, values: &mut [T]) -> Result<()> {
        self.check_element::<T>()?;
        same_length("values", self.frame().len(), values.len())?;
        let mut walk = self.frame().walk();
        loop {
            let batch = self.next_batch(&mut walk)?;
            let Some((first, last)) = batch.first().zip(batch.last()) else { return Ok(()) };
            self.decode_batch(&batch, &mut values[first.values.start..last.values.end])?;
        }
    }

    /// The next chunks, whose lengths are those of a fixed rate.
    fn next_batch<'a>(&self, walk: &mut Walk<'a>) -> Result<Vec<Chunk<'a>>> {
        let mut batch = Vec::new();
        while batch.len() < chunks_in_flight() {
            let Some(chunk) = walk.next_before(usize::MAX)? else { break };
            check_rate(self.pipeline(), &chunk)?;
            batch.push(chunk);
        }
        Ok(batch)
    }

    /// Chunks to the values that they hold all together.
    fn decode_batch<T: Element>(&self, batch: &[Chunk<'_>], mut values: &mut [T]) -> Result<()> {
        let mut parts = Vec::with_capacity(batch.len());
        for chunk in batch {
            let (part, rest) = values.split_at_mut(chunk.values.len());
            parts.push((chunk, part));
            values = rest;
        }
        let decode = |(chunk, part): (&Chunk<'_>, &mut [T])| {
            chunk.check()?;
            decode_stream(self.pipeline(), chunk.values.start, chunk.stream, part)
        };
        // The first error of all, as without threads.
        let results: Vec<Result<()>> = parts.into_par_iter().map(decode).collect();
        results.into_iter().collect()
    }
}
