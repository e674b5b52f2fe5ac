//! Models: safetensors files, whose tensors may be f32, f16, bf16 or none of our business.

use super::{Failure, failed_to};
use fewbits::DType;
use safetensors::{Dtype, SafeTensors};
use std::{fs, path::Path};

/// The bytes of a model, for [`tensors_of`].
pub(crate) fn read_model(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(failed_to("read", path))
}

/// The tensors in the bytes of a model; borrows them.
pub(crate) fn tensors_of<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, Failure> {
    let not_a_model = |error| Failure::Run(format!("`{}` is not a safetensors file: {error}", path.display()));
    SafeTensors::deserialize(bytes).map_err(not_a_model)
}

/// The element of a tensor, if its values can be compressed.
pub(crate) fn element_of(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::Bf16),
        _ => None,
    }
}
