//! Flushes denormal numbers to zero while it lives: they cost 20 times the time of normal ones and cannot be heard.
use std::marker::PhantomData;

/// Sets flush-to-zero and denormals-are-zero on this thread; dropping it restores what was set before.
///
/// Plug-in and command both run engines under it, so that they also agree in the last bit.
pub struct FlushDenormals {
    before: Control,
    /// The register belongs to the thread.
    _not_send: PhantomData<*const ()>,
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
#[cfg(target_arch = "aarch64")]
type Control = u64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Control = ();

/// MXCSR bits 15 (flush results) and 6 (read denormals as zero).
#[cfg(target_arch = "x86_64")]
const FLUSH: Control = 1 << 15 | 1 << 6;
/// FPCR bit 24, which flushes both inputs and results.
#[cfg(target_arch = "aarch64")]
const FLUSH: Control = 1 << 24;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FLUSH: Control = ();

#[cfg(target_arch = "x86_64")]
fn exchange(set: impl FnOnce(Control) -> Control) -> Control {
    let mut before: Control = 0;
    // SAFETY: stores and loads the thread's own control register from a live local; every x86-64 CPU has SSE.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &mut before, options(nostack, preserves_flags));
        let after = set(before);
        std::arch::asm!("ldmxcsr [{}]", in(reg) &after, options(nostack, preserves_flags, readonly));
    }
    before
}

#[cfg(target_arch = "aarch64")]
fn exchange(set: impl FnOnce(Control) -> Control) -> Control {
    let before: Control;
    // SAFETY: reads and writes the thread's own floating point control register, which user code may do.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) before, options(nomem, nostack, preserves_flags));
        std::arch::asm!("msr fpcr, {}", in(reg) set(before), options(nomem, nostack, preserves_flags));
    }
    before
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn exchange(_set: impl FnOnce(Control) -> Control) -> Control {}

#[allow(clippy::unit_arg, clippy::new_without_default)] // `Control` is empty on CPUs without such a register.
impl FlushDenormals {
    /// Starts flushing.
    pub fn new() -> Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let set = |before| before | FLUSH;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let set = |before| before;
        Self { before: exchange(set), _not_send: PhantomData }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        let before = self.before;
        exchange(|_| before);
    }
}
