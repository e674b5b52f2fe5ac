//! Proof that the whole way from values to bytes and back works without `std`.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use fewbits::{Coded, Fit, Frame, PipelineExt, Uniform};

struct NoMemory;

// SAFETY: it never returns memory.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _pointer: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

// With std in the build there would be a second one: error E0152.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The way there and back; returns the number of values.
#[unsafe(no_mangle)]
pub extern "C" fn there_and_back() -> usize {
    run().unwrap_or(0)
}

fn run() -> fewbits::Result<usize> {
    let values = [0.5_f32, -1.0, 0.25];
    let pipeline = Coded::packed(Uniform::new(4).fit(&values)?);
    let mut bytes = [0; 2];
    pipeline.encode_into(&values, &mut bytes)?;
    let frame = Frame::encode(&pipeline, &values)?;
    Ok(fewbits::decompress::<f32>(&frame)?.len())
}
