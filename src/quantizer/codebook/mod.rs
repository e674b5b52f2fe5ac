//! Levels in a table.

mod kmeans;
mod normal_float;
mod placed;
mod points;
mod quantile;

pub use kmeans::KMeans;
pub use quantile::{Quantile, Representative};

use super::{Levels, Scaled, law::Law};
use crate::{
    description::{Describe, Description, Restore, Stages},
    error::{Error, Result},
};
use alloc::vec::Vec;

/// A fitted quantizer with a table of levels: `x = scale * level[code] + offset`.
pub type CodebookQuantizer<C = u8> = Scaled<Codebook, C>;

/// Levels in a table, in ascending order: 1 to 65,536, wherever they are wanted.
///
/// A value exactly between two levels becomes the lower one.
///
/// Levels are in units of a scale, which [`Scale`](super::Scale) fits, per tensor, block or axis; a table of values as
/// they are goes under the scale 1. Settings that place levels by the data are [`Quantile`](crate::Quantile) and
/// [`KMeans`](crate::KMeans).
///
/// Cost: to quantize, one comparison per level up to 16 levels, `log2` of their number above; to restore, one look-up.
///
/// ```
/// use fewbits::{Codebook, Fit, QuantizerExt, Scale};
///
/// // Weights at 4 bits, as QLoRA has them: NF4, one scale for 64 values.
/// let weights: Vec<f32> = (0..128).map(|i| 0.1 * (i as f32 * 0.7).sin()).collect();
/// let quantizer = Scale::new(Codebook::nf4()).per_block(64).fit(&weights)?;
/// let restored = quantizer.fake_quantize(&weights)?;
/// assert!(weights.iter().zip(&restored).all(|(w, r)| (w - r).abs() < 0.016));
///
/// // Levels of your own.
/// let thirds = Codebook::new(vec![-1.0, -0.3, 0.0, 0.3, 1.0])?;
/// assert_eq!(Scale::new(thirds).fit(&[2.0_f32, -0.5])?.quantize(&[2.0_f32, -0.5])?, [4, 1]);
/// # Ok::<(), fewbits::Error>(())
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "raw::Codebook", into = "raw::Codebook"))]
pub struct Codebook {
    levels: Vec<f32>,
    /// `x` is nearer to level `i + 1` than to level `i` if it is above `thresholds[i]`. Padded with infinities to one
    /// less than a power of two, so that a search needs no end.
    thresholds: Vec<f32>,
    kind: Kind,
}

/// What a reader knows without the levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Kind {
    /// Values are scaled into the interval from the first level to the last.
    Levels,
    /// Values are scaled into -1..=1, and levels lie inside.
    Normalized,
    /// As `Levels`, with the levels of NF4.
    Nf4,
}

/// The same levels in the same interval are the same, however they were named.
impl PartialEq for Codebook {
    fn eq(&self, other: &Self) -> bool {
        self.levels == other.levels && self.range() == other.range()
    }
}

/// Up to so many levels, comparing with all is faster than searching.
const COMPARED: usize = 16;

impl Codebook {
    pub(crate) const TAG: u8 = 0x06;

    /// Finite levels in ascending order, all different. Scales bring values into the interval from the first to the
    /// last.
    pub fn new(levels: Vec<f32>) -> Result<Self> {
        Self::of_kind(levels, Kind::Levels)
    }

    /// As [`new`](Self::new), for levels within -1..=1, where scales bring values into all of that interval: for levels
    /// that are means of what they stand for.
    pub fn normalized(levels: Vec<f32>) -> Result<Self> {
        if let Some(index) = levels.iter().position(|level| level.abs() > 1.0) {
            let allowed = "levels from -1 to 1";
            return Err(Error::Parameter { what: "normalized levels", index, value: levels[index].into(), allowed });
        }
        Self::of_kind(levels, Kind::Normalized)
    }

    fn of_kind(levels: Vec<f32>, kind: Kind) -> Result<Self> {
        if !(1..=1 << 16).contains(&levels.len()) {
            let value = levels.len() as f64;
            return Err(Error::Setting { name: "levels", value, allowed: "1 to 65536 levels" });
        }
        let wrong = |i: usize| !levels[i].is_finite() || i > 0 && levels[i] <= levels[i - 1];
        if let Some(index) = (0..levels.len()).find(|&i| wrong(i)) {
            let allowed = "finite levels, each larger than the one before";
            return Err(Error::Parameter { what: "levels", index, value: levels[index].into(), allowed });
        }
        let threshold = |pair: &[f32]| {
            // What is above the largest f32 that is not above the middle, is above the middle. (To within the last bit of
            // f64, where levels are so unlike that no f64 lies in the middle.)
            let middle = f64::midpoint(pair[0].into(), pair[1].into());
            let nearest = middle as f32;
            if f64::from(nearest) > middle { nearest.next_down() } else { nearest }
        };
        let mut thresholds: Vec<f32> = levels.windows(2).map(threshold).collect();
        thresholds.resize(levels.len().next_power_of_two() - 1, f32::INFINITY);
        Ok(Self { levels, thresholds, kind })
    }

    /// The levels, in units of a scale.
    pub fn values(&self) -> &[f32] {
        &self.levels
    }
}

impl Levels for Codebook {
    fn level_count(&self) -> u32 {
        self.levels.len() as u32
    }

    #[inline(always)]
    fn level(&self, code: u32) -> f32 {
        self.levels[(code as usize).min(self.levels.len() - 1)]
    }

    #[inline(always)]
    fn nearest(&self, x: f32) -> u32 {
        if self.thresholds.len() < COMPARED {
            return self.thresholds.iter().map(|&threshold| u32::from(x > threshold)).sum();
        }
        // Halves what is left, with a step that depends on no comparison.
        let mut below = 0;
        let mut half = self.thresholds.len().div_ceil(2);
        while half > 0 {
            below += if x > self.thresholds[below + half - 1] { half } else { 0 };
            half /= 2;
        }
        below as u32
    }

    fn law(&self) -> Law<'_> {
        Law::Thresholds(&self.thresholds)
    }

    fn range(&self) -> (f32, f32) {
        match self.kind {
            Kind::Levels | Kind::Nf4 => (self.levels[0], self.levels[self.levels.len() - 1]),
            Kind::Normalized => (-1.0, 1.0),
        }
    }
}

impl Describe for Codebook {
    fn describe(&self, out: &mut Description) {
        out.stage(Self::TAG, |out| match self.kind {
            Kind::Nf4 => out.u8(2),
            kind => {
                out.u8(u8::from(kind == Kind::Normalized));
                out.varint(self.levels.len() as u64);
            }
        });
        if self.kind != Kind::Nf4 {
            self.levels.iter().for_each(|&level| out.side().f32(level));
        }
    }
}

impl Restore for Codebook {
    fn restore(stages: &mut Stages<'_>) -> Result<Self> {
        let (kind, count) = stages.stage(Self::TAG, "a table of levels", |bytes| {
            let kind = bytes.u8()?;
            Ok((kind, if kind == 2 { 0 } else { bytes.size()? }))
        })?;
        let kind = match kind {
            0 => Kind::Levels,
            1 => Kind::Normalized,
            2 => return Ok(Self::nf4()),
            _ => return Err(Error::Corrupt { what: "kind of levels", found: kind.into() }),
        };
        if !(1..=1 << 16).contains(&count) {
            return Err(Error::Corrupt { what: "levels", found: count as u64 });
        }
        let mut side = stages.side(count * size_of::<f32>())?;
        let mut levels = Vec::with_capacity(count);
        for _ in 0..count {
            levels.push(side.f32()?);
        }
        let corrupt = Error::Corrupt { what: "levels are not in order", found: count as u64 };
        match kind {
            Kind::Normalized => Self::normalized(levels),
            _ => Self::new(levels),
        }
        .map_err(|_| corrupt)
    }
}

/// What serde sees.
#[cfg(feature = "serde")]
mod raw {
    use super::Kind;
    use crate::error::{Error, Result};
    use alloc::vec::Vec;

    /// The levels of NF4 are known by name.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Codebook {
        kind: Kind,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        levels: Vec<f32>,
    }

    impl From<super::Codebook> for Codebook {
        fn from(book: super::Codebook) -> Self {
            let levels = if book.kind == Kind::Nf4 { Vec::new() } else { book.levels };
            Self { kind: book.kind, levels }
        }
    }

    impl TryFrom<Codebook> for super::Codebook {
        type Error = Error;

        fn try_from(Codebook { kind, levels }: Codebook) -> Result<Self> {
            match kind {
                Kind::Levels => Self::new(levels),
                Kind::Normalized => Self::normalized(levels),
                Kind::Nf4 if levels.is_empty() => Ok(Self::nf4()),
                Kind::Nf4 => {
                    Err(Error::Unsuited { setting: "levels of NF4", remedy: "they are known; leave them out" })
                }
            }
        }
    }
}
