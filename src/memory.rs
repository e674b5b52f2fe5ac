//! Memory for numbers that a caller or a frame names.

use crate::error::{Error, Result};
use alloc::vec::Vec;

/// Makes room for `len` items in all, or says that there is none instead of aborting; new items are the default.
pub(crate) fn resize<T: Copy + Default>(items: &mut Vec<T>, len: usize) -> Result<()> {
    let more = len.saturating_sub(items.len());
    let needed = (len as u64).saturating_mul(size_of::<T>() as u64);
    items.try_reserve_exact(more).map_err(|_| Error::Limit { needed, limit: isize::MAX.cast_unsigned() as u64 })?;
    items.resize(len, T::default());
    Ok(())
}

/// A vector of `len` defaults.
pub(crate) fn filled<T: Copy + Default>(len: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    resize(&mut items, len)?;
    Ok(items)
}
