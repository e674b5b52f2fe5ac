//! What `compress` and `decompress` share: failures, output, models, names of frames and rows of figures.

mod failure;
mod frame_name;
mod model;
mod output;
mod row;

pub(crate) use failure::{Failure, exit, failed_to};
pub(crate) use frame_name::{EXTENSION, FrameName};
pub(crate) use model::{element_of, read_model, tensors_of};
pub(crate) use output::{on_one_line, print, say};
pub(crate) use row::Row;
