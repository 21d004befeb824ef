//! Memory of the command: small blocks by mimalloc, large ones on huge pages.
//! The tables that every text reads at random (dictionary, vocabulary, rows of the network) are tens of megabytes: on small
//! pages many reads wait for the address first. Figures in docs/operations.md.

use std::alloc::{GlobalAlloc, Layout};

use mimalloc::MiMalloc;

pub struct Allocator;

/// A huge page on x86-64 and most ARM systems.
const HUGE_BYTES: usize = 2 << 20;

/// How a block is really asked for: a large one begins where a huge page begins.
fn real(layout: Layout) -> Layout {
    if layout.size() < HUGE_BYTES {
        return layout;
    }
    layout.align_to(HUGE_BYTES).unwrap_or(layout)
}

/// Says that the whole block is wanted in huge pages; a system that has none goes on as it is.
fn advise(block: *mut u8, layout: Layout) -> *mut u8 {
    #[cfg(target_os = "linux")]
    if layout.size() >= HUGE_BYTES && !block.is_null() {
        use rustix::mm::{Advice, madvise};
        // SAFETY: the block is ours and begins at a page; the advice changes how it is backed, not what it holds. Whole pages
        // only: what shares the last one is not ours.
        let _ = unsafe {
            let n_bytes = layout.size() & !(HUGE_BYTES - 1);
            madvise(block.cast(), n_bytes, Advice::LinuxHugepage)
        };
    }
    block
}

// SAFETY: every block is asked for and given back with the layout that `real` makes of the caller's, which has its size and
// at least its alignment; so mimalloc sees matching pairs.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        advise(unsafe { MiMalloc.alloc(real(layout)) }, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        advise(unsafe { MiMalloc.alloc_zeroed(real(layout)) }, layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { MiMalloc.dealloc(block, real(layout)) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        if layout.size().max(n_bytes) < HUGE_BYTES {
            // SAFETY: as the caller promises.
            return unsafe { MiMalloc.realloc(block, layout, n_bytes) };
        }
        // SAFETY: the caller promises that `n_bytes` fits a layout, and the block holds `layout.size()` bytes.
        unsafe {
            let fresh = Layout::from_size_align_unchecked(n_bytes, layout.align());
            let to = self.alloc(fresh);
            if !to.is_null() {
                std::ptr::copy_nonoverlapping(block, to, layout.size().min(n_bytes));
                self.dealloc(block, layout);
            }
            to
        }
    }
}
