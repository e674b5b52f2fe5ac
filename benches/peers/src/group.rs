//! Cases that do the same work, measured in turn.

use std::hint::black_box;

/// Ways to do one thing, ours first.
pub struct Group<'a> {
    pub name: String,
    /// Of one run of any of the cases.
    pub values: usize,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: &'static str,
    bits: Option<f64>,
    run: Box<dyn FnMut() + 'a>,
}

/// What was measured of a case: seconds of one run, a sample after the other.
pub struct Timed {
    pub name: &'static str,
    pub bits: Option<f64>,
    pub seconds: Vec<f64>,
}

/// A sample takes at least so long, which is far more than the clock's grain.
const SAMPLE: f64 = 1e-3;
/// Beyond it, warming the caches up before a sample changes nothing.
const LONG: f64 = 0.02;

impl<'a> Group<'a> {
    pub fn new(name: impl Into<String>, values: usize) -> Self {
        Self { name: name.into(), values, cases: Vec::new() }
    }

    /// A case that leaves its result in `output`, which `check` looks at after the first run, outside of the time.
    pub fn add<O: 'a>(
        &mut self,
        name: &'static str,
        mut output: O,
        mut run: impl FnMut(&mut O) + 'a,
        check: impl FnOnce(&O) -> bool,
    ) {
        run(&mut output);
        assert!(check(&output), "{}: {name} is wrong", self.name);
        let run = Box::new(move || run(black_box(&mut output)));
        self.cases.push(Case { name, bits: None, run });
    }

    /// The size that the last case has come to.
    pub fn bits(&mut self, bits: f64) {
        if let Some(case) = self.cases.last_mut() {
            case.bits = Some(bits);
        }
    }

    /// One sample of each case, then the next of each, so that whatever else happens on the machine happens to all.
    pub fn measure(mut self, samples: usize) -> Vec<Timed> {
        let runs: Vec<usize> = self.cases.iter_mut().map(Case::runs).collect();
        let timed = |case: &Case<'_>| Timed { name: case.name, bits: case.bits, seconds: Vec::new() };
        let mut all: Vec<Timed> = self.cases.iter().map(timed).collect();
        for _ in 0..samples {
            for ((case, &runs), timed) in self.cases.iter_mut().zip(&runs).zip(&mut all) {
                // Caches hold what the other cases left.
                if timed.seconds.first().is_none_or(|&seconds| seconds < LONG) {
                    case.seconds(runs);
                }
                timed.seconds.push(case.seconds(runs) / runs as f64);
            }
        }
        all
    }
}

impl Case<'_> {
    /// CPU time of so many runs.
    fn seconds(&mut self, runs: usize) -> f64 {
        let before = thread_time();
        for _ in 0..runs {
            (self.run)();
        }
        thread_time() - before
    }

    /// As many runs as fill a sample.
    fn runs(&mut self) -> usize {
        let mut runs = 1;
        loop {
            let seconds = self.seconds(runs);
            if seconds >= SAMPLE {
                return runs;
            }
            // A little more than seems needed, and no leap: first runs are slow.
            runs = (1.2 * SAMPLE / seconds.max(SAMPLE / 16.0) * runs as f64).ceil() as usize;
        }
    }
}

/// Seconds of CPU time of this thread, which do not pass while others have the core.
fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local value of the type that the call fills.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "this system has no clock of the CPU time of a thread");
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}
