//! Bundles larger than the memory they may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use threatsieve_feed::{StixLimits, StixSet};

/// Counts allocations. Only one test is in this file, so that nothing else is counted.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller promises the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller promises the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A bundle that is written while it is read, part by part.
struct Generated<F> {
    part: F,
    number: u64,
    text: Vec<u8>,
    read: usize,
    total: u64,
}

impl<F: FnMut(u64, &mut Vec<u8>) -> bool> Generated<F> {
    fn new(part: F) -> Self {
        Generated {
            part,
            number: 0,
            text: br#"{"type":"bundle","objects":["#.to_vec(),
            read: 0,
            total: 0,
        }
    }
}

impl<F: FnMut(u64, &mut Vec<u8>) -> bool> Read for Generated<F> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.text.len() {
            (self.read, self.number) = (0, self.number + 1);
            self.text.clear();
            if !(self.part)(self.number - 1, &mut self.text) && self.text.is_empty() {
                return Ok(0);
            }
        }
        let count = (&self.text[self.read..]).read(into)?;
        self.read += count;
        self.total += count as u64;
        Ok(count)
    }
}

/// Returns the peak of memory in bytes, the length of the bundle in bytes, and the number of
/// indicators.
#[expect(clippy::unwrap_used, reason = "part of the test")]
fn measure(part: impl FnMut(u64, &mut Vec<u8>) -> bool) -> (usize, u64, u64) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut input = Generated::new(part);
    let mut set = StixSet::new(StixLimits::default());
    let report = set.read(0, BufReader::with_capacity(64 * 1024, &mut input)).unwrap();
    let done = set.finish(&mut |_, _| {}, &mut |part| panic!("{part:?}"));
    assert_eq!(report.indicators, done.indicators);
    (PEAK.load(Relaxed) - before, input.total, done.indicators)
}

fn indicator(number: u64, text: &mut Vec<u8>) {
    text.extend_from_slice(
        format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{number:08x}-0000-4000-8000-000000000000","created":"2026-01-01T00:00:00.000Z",
            "modified":"2026-01-01T00:00:00.000Z","indicator_types":["malicious-activity"],"name":"a title of usual length","confidence":80,
            "description":"{number} was seen in somebody's mail","pattern":"[domain-name:value = 'host-{number}.evil.example']","pattern_type":"stix",
            "valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]}}"#
        )
        .as_bytes(),
    );
}

#[test]
fn memory_grows_with_what_is_kept_and_not_with_the_bundle() {
    // 250 MB of unused objects, with one indicator in 200 objects.
    let unused =
        format!(r#"{{"type":"artifact","payload_bin":"{}","x":[[{{}}]]}}"#, "QUJD".repeat(5000));
    let (peak, total, indicators) = measure(|number, text| {
        if number == 12_500 {
            text.extend_from_slice(b"]}");
        }
        if number >= 12_500 {
            return false;
        }
        text.extend_from_slice(if number == 0 { b"" } else { b"," });
        match number % 200 {
            0 => indicator(number, text),
            _ => text.extend_from_slice(unused.as_bytes()),
        }
        true
    });
    assert!(total > 240_000_000 && indicators == 63, "{total} {indicators}");
    assert!(peak < 1_000_000, "{peak} bytes");

    // 200,000 indicators. 1.4 million take seven times as much, well under a gigabyte.
    let (peak, total, indicators) = measure(|number, text| {
        if number == 200_000 {
            text.extend_from_slice(b"]}");
        }
        if number >= 200_000 {
            return false;
        }
        text.extend_from_slice(if number == 0 { b"" } else { b"," });
        indicator(number, text);
        true
    });
    assert_eq!(indicators, 200_000);
    let each = peak as u64 / indicators;
    assert!(each < 500, "{each} bytes an indicator, of {} bytes of JSON", total / indicators);
}
