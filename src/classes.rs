//! Which values are alike: classes that follow from rows, columns, blocks.

use crate::{
    error::{Error, Result, same_length},
    groups::Groups,
};
use alloc::vec::Vec;

/// The most classes.
pub(crate) const MOST_CLASSES: usize = 64;
/// The most groupings that add up.
pub(crate) const MOST_PARTS: usize = 4;

/// The class of each value: a sum of levels, one for each of its groups, such as its row and its column. By convention a
/// level is a quarter of an octave of how large values are, so that sums are products of scales.
///
/// Classes below `idle` are of values so small that an [`Automaton`](crate::Automaton) stands still for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Classes {
    parts: Vec<(Groups, Vec<u8>)>,
    idle: usize,
    /// Class 0 is that of spikes, which is idle too; all others are one further up.
    spikes: bool,
}

impl Classes {
    /// One level for each group of each part.
    pub(crate) fn new(parts: Vec<(Groups, Vec<u8>)>, idle: usize) -> Result<Self> {
        let value = parts.len() as f64;
        if parts.len() > MOST_PARTS {
            return Err(Error::Setting { name: "groupings", value, allowed: "4 groupings or fewer" });
        }
        for (groups, levels) in &parts {
            same_length("levels", groups.count(), levels.len())?;
        }
        let classes = Self { parts, idle, spikes: false };
        let count = classes.count();
        if count > MOST_CLASSES || idle > count {
            return Err(Error::Setting { name: "classes", value: count as f64, allowed: "64 classes or fewer" });
        }
        Ok(classes)
    }

    /// As many as sums of levels can make.
    pub(crate) fn count(&self) -> usize {
        let largest = |levels: &Vec<u8>| levels.iter().copied().max().map_or(0, usize::from);
        self.first() + 1 + self.parts.iter().map(|(_, levels)| largest(levels)).sum::<usize>()
    }

    /// Classes below this are idle.
    pub(crate) const fn idle(&self) -> usize {
        self.first() + self.idle
    }

    /// So many classes besides that of spikes are idle.
    pub(crate) fn with_idle(self, idle: usize) -> Self {
        Self { idle: idle.min(self.count() - self.first()), ..self }
    }

    pub(crate) fn with_spikes(self) -> Self {
        Self { spikes: true, ..self }
    }

    pub(crate) const fn has_spikes(&self) -> bool {
        self.spikes
    }

    /// The first class that is not that of spikes.
    pub(crate) const fn first(&self) -> usize {
        self.spikes as usize
    }

    pub(crate) fn parts(&self) -> &[(Groups, Vec<u8>)] {
        &self.parts
    }

    /// Whether all values are of one class.
    pub(crate) fn is_one(&self) -> bool {
        self.parts.is_empty() && !self.spikes
    }

    /// The classes of the values from `start` on, as if none were a spike.
    #[inline]
    pub(crate) fn fill(&self, start: usize, classes: &mut [u8]) {
        classes.fill(self.first() as u8);
        for (groups, levels) in &self.parts {
            if groups.run() == 1 {
                groups.for_each_row(start, classes.len(), |group, from, to| {
                    let levels = &levels[group..group + (to - from)];
                    classes[from..to].iter_mut().zip(levels).for_each(|(class, level)| *class += level);
                });
            } else {
                groups.for_each_run(start, classes.len(), |group, from, to| {
                    let level = levels[group];
                    classes[from..to].iter_mut().for_each(|class| *class += level);
                });
            }
        }
    }

    /// Whether the groups reach so far.
    pub(crate) fn check(&self, start: usize, len: usize) -> Result<()> {
        self.parts.iter().try_for_each(|(groups, _)| groups.check(start, len))
    }
}
