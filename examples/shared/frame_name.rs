//! File names of frames: `tensor@method.fewb`, from which tensor and method can be told again.

use std::{
    fmt::{self, Display, Write},
    str::FromStr,
};

/// What file names of frames end with, after a dot.
pub(crate) const EXTENSION: &str = "fewb";

/// A file name without its extension. The name of the tensor is percent-encoded, so that it holds no `@`, no `/` and
/// nothing else that a file system or a shell could take amiss.
pub(crate) struct FrameName {
    pub(crate) tensor: String,
    pub(crate) method: String,
}

impl Display for FrameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.tensor.bytes() {
            if is_plain(byte) {
                f.write_char(byte.into())?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        write!(f, "@{}", self.method)
    }
}

impl FromStr for FrameName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (tensor, method) = name.split_once('@').ok_or("its name is not `tensor@method`")?;
        let tensor = decode(tensor).ok_or("the tensor in its name is not percent-encoded as `compress` does it")?;
        if method.is_empty() || !method.bytes().all(is_plain) {
            return Err("the method in its name is none of `compress`");
        }
        Ok(Self { tensor, method: method.into() })
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => 16 * hex_digit(bytes.next()?)? + hex_digit(bytes.next()?)?,
            byte if is_plain(byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
