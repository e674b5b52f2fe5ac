//! Values that occur so often that each has a code of its own: the zeros of a rectified linear unit, the ends of a range.

use crate::error::{Error, Result};
#[cfg(feature = "serde")]
use alloc::vec::Vec;

/// The most spikes.
pub(crate) const MOST_SPIKES: usize = 4;

/// Up to 4 finite values, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f32>", into = "Vec<f32>"))]
pub(crate) struct Spikes {
    values: [f32; MOST_SPIKES],
    count: usize,
}

impl Spikes {
    pub(crate) const fn none() -> Self {
        Self { values: [0.0; MOST_SPIKES], count: 0 }
    }

    /// In any order, each once.
    pub(crate) fn new(spikes: &[f32]) -> Result<Self> {
        let (mut values, count) = ([0.0; MOST_SPIKES], spikes.len());
        if count > MOST_SPIKES {
            return Err(Error::Setting { name: "spikes", value: count as f64, allowed: "4 values or fewer" });
        }
        // A zero has no sign.
        values.iter_mut().zip(spikes).for_each(|(value, &spike)| *value = spike + 0.0);
        values[..count].sort_by(f32::total_cmp);
        let wrong = |i: usize| !values[i].is_finite() || (i > 0 && values[i - 1] == values[i]);
        if let Some(index) = (0..count).find(|&i| wrong(i)) {
            let allowed = "finite numbers, each once";
            return Err(Error::Parameter { what: "spikes", index, value: values[index].into(), allowed });
        }
        Ok(Self { values, count })
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.values[..self.count]
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline]
    pub(crate) fn contains(&self, x: f32) -> bool {
        self.as_slice().contains(&x)
    }
}

impl Default for Spikes {
    fn default() -> Self {
        Self::none()
    }
}

#[cfg(feature = "serde")]
impl From<Spikes> for Vec<f32> {
    fn from(spikes: Spikes) -> Self {
        spikes.as_slice().to_vec()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<f32>> for Spikes {
    type Error = Error;

    fn try_from(values: Vec<f32>) -> Result<Self> {
        Self::new(&values)
    }
}
