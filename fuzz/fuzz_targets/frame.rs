//! Any bytes as a frame, as they are and with their checksums made right.
#![no_main]

use fewbits_fuzz::{alloc::Counting, decode, mend};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|data: &[u8]| {
    let _ = decode(data);
    let mut mended = data.to_vec();
    mend(&mut mended);
    if mended != data {
        let _ = decode(&mended);
    }
});
