//! `SplitMix64`: enough randomness for starting weights and shuffling, and the same on every run.

pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in -1 to 1.
    pub(crate) fn symmetric(&mut self) -> f32 {
        // The upper 24 bits, as many as an f32 holds exactly.
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// References to the items in random order (Fisher-Yates).
    pub(crate) fn shuffled<'a, T>(&mut self, items: &'a [T]) -> Vec<&'a T> {
        let mut order: Vec<&T> = items.iter().collect();
        for last in (1..order.len()).rev() {
            order.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
        order
    }
}
