//! What the fuzz targets share: the CPU time of inputs, so that a slow one is found as a crash is.
//!
//! Does not know what the targets do.

use std::sync::Mutex;

use rustix::time::{ClockId, clock_gettime};

/// The most expensive input yet: nanoseconds a byte.
static MOST: Mutex<f64> = Mutex::new(0.0);

/// Nanoseconds of CPU time of this process, all threads.
fn used() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Runs `work` on an input of this many bytes. Prints what it cost if nothing did cost more for its bytes.
///
/// # Panics
/// The input cost more than `COST_MAX` nanoseconds a byte, if that is in the environment. `free` bytes are added to those
/// of the input: what any input costs.
pub fn measure(bytes: usize, free: usize, work: impl FnOnce()) {
    let before = used();
    work();
    let rate = (used() - before) / (bytes + free) as f64;
    let mut most = MOST.lock().expect("no thread panics with it");
    if rate <= *most {
        return;
    }
    *most = rate;
    drop(most);
    eprintln!("most: {rate:.0} ns a byte, {bytes} bytes");
    let limit = std::env::var("COST_MAX").ok();
    let limit = limit.and_then(|text| text.parse::<f64>().ok());
    assert!(
        limit.is_none_or(|limit| rate <= limit),
        "{rate:.0} ns a byte"
    );
}
