//! Random numbers that are addressed by position. They are part of the format.

/// A seed of random numbers that are addressed by position: number `i` is the output `i + 1` of `SplitMix64` started
/// there (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
///
/// ```
/// use fewbits::Seed;
///
/// let run = Seed::new(2024);
/// let (round_7, round_8) = (run.derive(7), run.derive(8));
/// assert_ne!(round_7.derive(0), round_8.derive(0)); // worker 0 in two rounds
/// assert!((0.0..1.0).contains(&round_7.uniform(123)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seed(u64);

/// 2^64 over the golden ratio, the step of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    /// Any number; neighbouring ones give unrelated sequences.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed for one of many rounds, workers or tensors.
    #[must_use]
    pub const fn derive(self, index: u64) -> Self {
        // Mixed twice, so that it is no number of the sequence itself and chains of indices do not commute.
        Self(mix(mix(self.0 ^ STEP.rotate_left(32)).wrapping_add(mix(index.wrapping_add(STEP)))))
    }

    /// The seed as a number, for storage.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Number `index` of the sequence.
    #[inline(always)]
    pub(crate) const fn bits(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(STEP)))
    }

    /// Number `index` of the sequence, in 0..1: a multiple of 2^-24.
    #[inline(always)]
    pub const fn uniform(self, index: u64) -> f32 {
        (self.bits(index) >> 40) as f32 / (1 << 24) as f32
    }
}

#[inline(always)]
const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
