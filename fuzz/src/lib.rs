//! What the fuzz targets share: stages made from the input, and the laws of decoded bytes.

#[path = "../../tests/common/alloc.rs"]
pub mod alloc;
#[path = "../../tests/common/mend.rs"]
mod mend;
mod laws;
mod stages;

pub use laws::{Decoded, decode, seal};
pub use mend::mend;
pub use stages::{byte, codec, narrowed, pipeline, values};
