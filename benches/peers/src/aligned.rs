//! Large buffers start at cache lines, so that wide loads and stores cross no lines in one case and many in another.

use std::alloc::{GlobalAlloc, Layout, System};

#[global_allocator]
static ALIGNED: Aligned = Aligned;

struct Aligned;

const LINE: usize = 64;
/// From so many bytes on.
const LARGE: usize = 4096;

fn raised(layout: Layout) -> Layout {
    if layout.size() < LARGE { layout } else { layout.align_to(LINE).unwrap_or(layout) }
}

// SAFETY: what the system allocates by one layout it frees by the same, for the raised one follows from the caller's.
unsafe impl GlobalAlloc for Aligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a larger alignment changes nothing about it.
        unsafe { System.alloc(raised(layout)) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, raised(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(raised(layout)) }
    }
}
