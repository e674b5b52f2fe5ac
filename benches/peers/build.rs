//! What the figures are of: the compiler, and the packages of the lock file.

use std::{env, fs, process::Command};

const PACKAGES: [&str; 13] = [
    "fewbits",
    "bitpacking",
    "candle-core",
    "constriction",
    "fastlanes",
    "fwht",
    "half",
    "llama-cpp-sys-2",
    "pco",
    "quantize",
    "simsimd",
    "turboquant-rs",
    "zstd-sys",
];

/// Packages that are built with a feature only.
const OPTIONAL: [(&str, &str); 2] =
    [("candle-core", "CARGO_FEATURE_CANDLE"), ("llama-cpp-sys-2", "CARGO_FEATURE_GGML")];

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    println!("cargo::rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&version).trim());

    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    let mut versions = Vec::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && PACKAGES.contains(&name)
            && OPTIONAL.iter().all(|(optional, feature)| *optional != name || env::var_os(feature).is_some())
        {
            versions.push(format!("{name} {version}"));
        }
    }
    println!("cargo::rustc-env=PEER_VERSIONS={}", versions.join(", "));
    println!("cargo::rerun-if-changed=Cargo.lock");
}
