//! Handwritten digits, embedded in the program; `data/README.md` tells where they come from.

pub(crate) const PIXELS: usize = 64;
pub(crate) const CLASSES: usize = 10;

const TRAIN: usize = 1297;
const TEST: usize = 500;

/// Per part, first all images and then all labels. The type makes the compiler check the length.
static BYTES: &[u8; (TRAIN + TEST) * (PIXELS + 1)] = include_bytes!("data/digits.bin");

/// An image of 8 by 8 pixels, row by row, and the digit it shows.
pub(crate) struct Sample {
    /// 0 is the background, 1 the darkest ink.
    pub(crate) pixels: [f32; PIXELS],
    pub(crate) label: usize,
}

/// The training set and the test set.
pub(crate) fn load() -> (Vec<Sample>, Vec<Sample>) {
    let (train, test) = BYTES.split_at(TRAIN * (PIXELS + 1));
    (samples(train, TRAIN), samples(test, TEST))
}

fn samples(bytes: &[u8], count: usize) -> Vec<Sample> {
    let (images, labels) = bytes.split_at(count * PIXELS);
    let (images, _) = images.as_chunks::<PIXELS>();
    images
        .iter()
        .zip(labels)
        .map(|(image, &label)| Sample { pixels: image.map(|ink| f32::from(ink) / 16.0), label: label.into() })
        .collect()
}
