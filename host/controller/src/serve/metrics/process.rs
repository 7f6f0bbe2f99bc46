//! Metrics of the process, with the names that Prometheus's own libraries give them.

use std::fs;

use super::families::Families;

/// Adds what the system says of this process.
pub(super) fn add(all: &mut Families) {
    let page = rustix::param::page_size() as f64;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    // Numbers of `man proc`, less the two fields before.
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let resident = number(24).map(|pages| ([], pages * page));
    all.gauge("process_resident_memory_bytes", "Memory in use by the program.", &[], resident);
    let cpu = number(14).zip(number(15)).map(|(user, system)| ([], (user + system) / ticks));
    all.counter("process_cpu_seconds_total", "Processor time used by the program.", &[], cpu);
    let files = fs::read_dir("/proc/self/fd").ok().map(|files| ([], files.count() as f64));
    all.gauge("process_open_fds", "Open files of the program.", &[], files);
}
