//! Large buffers start at cache lines, so that wide loads and stores cross no lines in one case and many in another. The largest
//! are in huge pages where Linux has them, as those of numpy are: how small pages lie in memory differs from run to run.

use std::alloc::{GlobalAlloc, Layout, System};

#[global_allocator]
static ALIGNED: Aligned = Aligned;

struct Aligned;

const LINE: usize = 64;
/// From so many bytes on.
const LARGE: usize = 4096;
const HUGE: usize = 1 << 22;
const HUGE_PAGE: usize = 1 << 21;

fn raised(layout: Layout) -> Layout {
    let align = match layout.size() {
        ..LARGE => return layout,
        LARGE..HUGE => LINE,
        HUGE.. => HUGE_PAGE,
    };
    layout.align_to(align).unwrap_or(layout)
}

/// Advice that a system may do without.
fn advise(pointer: *mut u8, layout: Layout) {
    if !pointer.is_null() && layout.size() >= HUGE {
        // SAFETY: the pages are those of an allocation that begins with a page and has not been used.
        unsafe { libc::madvise(pointer.cast(), layout.size() / HUGE_PAGE * HUGE_PAGE, libc::MADV_HUGEPAGE) };
    }
}

// SAFETY: what the system allocates by one layout it frees by the same, for the raised one follows from the caller's.
unsafe impl GlobalAlloc for Aligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; a larger alignment changes nothing about it.
        let pointer = unsafe { System.alloc(raised(layout)) };
        advise(pointer, layout);
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, raised(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < HUGE {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(raised(layout)) };
        }
        // SAFETY: as above; what was allocated is as long as what is written.
        unsafe {
            let pointer = self.alloc(layout);
            if !pointer.is_null() {
                pointer.write_bytes(0, layout.size());
            }
            pointer
        }
    }
}
