//! How much time compression may take.

/// How much time compression may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Effort {
    /// A fixed rate: [`TrellisBlocks`](crate::TrellisBlocks), with the most bits that a size affords, or the fewest that an error
    /// needs. Any 256 values can be read alone, and all are restored several times as fast as by default; errors are about 1.8
    /// dB larger at the same size, and sizes go in steps of a bit. A bound on single values, or what 1 to 8 bits cannot do, is
    /// compressed as by default.
    ///
    /// ```
    /// use fewbits::{Compressor, Effort, Target};
    ///
    /// let weights: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.7).sin().powi(3)).collect();
    /// let compressor = Compressor::new(Target::BitsPerValue(4.3)).effort(Effort::Fast);
    /// let compressed = compressor.compress(&weights)?;
    /// assert_eq!(compressed.report().method, "trellis-coded blocks of 4 bits");
    /// let some: Vec<f32> = fewbits::decode_range(compressed.as_bytes(), 70_000..70_100)?; // reads two superblocks
    /// assert!(weights[70_000..70_100].iter().zip(&some).all(|(w, s)| (w - s).abs() < 0.2));
    /// # Ok::<(), fewbits::Error>(())
    /// ```
    Fast,
    /// A trellis of 8 states.
    #[default]
    Default,
    /// A trellis of 256 states: 0.25 dB better than the default, and slower; as fast to decompress (`docs/performance.md`).
    Best,
}

impl Effort {
    pub(super) const fn states(self) -> u16 {
        match self {
            Self::Fast | Self::Default => 8,
            Self::Best => 256,
        }
    }
}
