//! Which instructions kernels may use: asked of the processor once, and the same bits from each.

/// What a machine can do, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Rust that the compiler vectorises for the target it compiles for.
    Portable,
    /// x86-64 with AVX2, BMI, F16C and FMA: most since 2013.
    Avx2,
    /// x86-64 with AVX-512 as far as VBMI2: Intel since 2019, AMD since 2022.
    Avx512,
}

impl Level {
    /// All levels, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    fn detected() -> Self {
        // Without `std` nobody asks the processor, and what the program is compiled for has to do.
        #[cfg(feature = "std")]
        macro_rules! has {
            ($($feature:tt)+) => { $(std::arch::is_x86_feature_detected!($feature))&&+ };
        }
        #[cfg(not(feature = "std"))]
        macro_rules! has {
            ($($feature:tt)+) => { $(cfg!(target_feature = $feature))&&+ };
        }
        if !has!("avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "popcnt") {
            Self::Portable
        } else if has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl" "avx512vbmi" "avx512vbmi2") {
            Self::Avx512
        } else {
            Self::Avx2
        }
    }

    #[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
    const fn detected() -> Self {
        Self::Portable
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod chosen {
    use super::Level;
    use core::sync::atomic::{AtomicU8, Ordering};

    /// One more than the level's number; 0 until the processor has been asked.
    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// What kernels use.
    #[inline]
    pub(crate) fn current() -> Level {
        match CHOSEN.load(Ordering::Relaxed) {
            0 => limit(Level::Avx512),
            1 => Level::Portable,
            2 => Level::Avx2,
            _ => Level::Avx512,
        }
    }

    /// Lets kernels use no more than `level`, from now on and in all threads: for tests and measurements. Returns what
    /// they use, which is less if the machine does not have it.
    #[cold]
    pub fn limit(level: Level) -> Level {
        let level = level.min(Level::detected());
        CHOSEN.store(level as u8 + 1, Ordering::Relaxed);
        level
    }
}

#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
mod chosen {
    use super::Level;

    /// There is nothing to limit.
    pub const fn limit(_level: Level) -> Level {
        Level::detected()
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
pub(crate) use chosen::current;
pub use chosen::limit;

/// `dispatch!(name(arguments): avx512 avx2)`, at the end of a function: calls `name` of the first of these modules whose
/// level the machine has, and otherwise that of module `portable`, its twin.
macro_rules! dispatch {
    (@level avx512) => { $crate::kernel::level::Level::Avx512 };
    (@level avx2) => { $crate::kernel::level::Level::Avx2 };
    ($name:ident $arguments:tt: $($level:ident)+) => {{
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        {
            let current = $crate::kernel::level::current();
            $(if current >= dispatch!(@level $level) {
                // SAFETY: a level is chosen only if the processor has all its features, and functions of a module enable
                // no others.
                #[allow(unsafe_code)]
                return unsafe { $level::$name $arguments };
            })+
        }
        portable::$name $arguments
    }};
}
pub(crate) use dispatch;

/// `twins! {"features": fn name(arguments) -> Result; ...}`, in a module that sees `portable`: the same loops, which are inlined
/// there, compiled once more for the vectors that these features have.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
macro_rules! twins {
    ($features:literal: $(
        fn $name:ident $(<$code:ident: $bound:ident>)? ($($argument:ident: $type:ty),*) $(-> $result:ty)?;
    )+) => {$(
        #[target_feature(enable = $features)]
        pub(super) fn $name $(<$code: $bound>)? ($($argument: $type),*) $(-> $result)? {
            portable::$name($($argument),*)
        }
    )+};
}
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
pub(crate) use twins;
