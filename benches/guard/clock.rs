//! What a call costs, on a machine that does other things too.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Microseconds of one call.
pub(crate) fn timed<T>(call: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = black_box(call());
    let time = start.elapsed().as_secs_f64() * 1e6;
    drop(result);
    time
}

/// The least, which is what a call costs when nothing comes between, and the median.
pub(crate) fn least_and_median(times: &mut [f64]) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// Microseconds of processor time of one call, over many: what else the machine does is not counted.
pub(crate) fn at_work<T>(call: impl Fn() -> T) -> f64 {
    let start = processor_time();
    let mut calls = 0;
    loop {
        drop(black_box(call()));
        calls += 1;
        let time = processor_time().saturating_sub(start);
        if time > Duration::from_millis(250) {
            return time.as_secs_f64() * 1e6 / f64::from(calls);
        }
    }
}

/// The time that this thread was at work, as Linux counts it; the clock's elsewhere.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedule.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}
