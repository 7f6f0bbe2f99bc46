//! Packing streams.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, Write};

use threatsieve_runner::{MATCHER, MAX_IMAGE_BYTES, PackError, Packing};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// Counts what each thread holds, so that tests running at the same time do not disturb each other.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Threads that are ending have no counters any more.
    let held = HELD.try_with(|held| held.replace(held.get() + bytes) + bytes);
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.unwrap_or_default())));
}

// SAFETY: everything is handed to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that this thread held at its peak during `work`, beyond what it held before.
fn peak(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    (PEAK.get() - before) as usize
}

#[derive(Default)]
struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn it_needs_no_copy_but_the_writers() {
    let image = vec![0xa5; 64 << 20];
    let mut written = Counted::default();
    let mut promised = 0;
    let bytes = peak(|| {
        let packing = Packing::plan(MATCHER, &image).unwrap();
        promised = packing.packed_bytes();
        packing.write_to(&mut written).unwrap();
    });
    assert_eq!(written.0, promised);
    assert!(promised > image.len() + MATCHER.len() - 1024);
    assert!(bytes < 64 * 1024, "{bytes} bytes for an image of {}", image.len());
    let bytes = peak(|| {
        let packing = Packing::plan(MATCHER, &image).unwrap();
        let mut packed = Vec::with_capacity(packing.packed_bytes());
        packing.write_to(&mut packed).unwrap();
    });
    assert!(bytes < 2 * image.len(), "{bytes} bytes for an image of {}", image.len());
}

#[test]
fn the_image_is_one_page_aligned_segment() {
    let image: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let packing = Packing::plan(MATCHER, &image).unwrap();
    let mut packed = Vec::new();
    packing.write_to(&mut packed).unwrap();
    wasmparser::Validator::new().validate_all(&packed).unwrap();
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(&packed) {
        if let Payload::DataSection(data) = payload.unwrap() {
            for segment in data {
                let segment = segment.unwrap();
                let DataKind::Active { offset_expr, .. } = segment.kind else { panic!("passive") };
                let Operator::I32Const { value } = offset_expr.get_operators_reader().read().unwrap() else {
                    panic!()
                };
                segments.push((value as u32, segment.data));
            }
        }
    }
    let [.., (_, descriptor), (address, bytes)] = segments[..] else { panic!("{} segments", segments.len()) };
    assert_eq!(address % 65_536, 0);
    assert_eq!(address, packing.address());
    assert_eq!(bytes, image);
    assert_eq!(descriptor, [address.to_le_bytes(), (image.len() as u32).to_le_bytes()].concat());
}

#[test]
fn too_large_an_image_is_refused_before_anything_is_allocated() {
    // Never touched, so never there.
    let image = vec![0; MAX_IMAGE_BYTES + 1];
    let bytes = peak(|| {
        let error = Packing::plan(MATCHER, &image).unwrap_err();
        assert!(matches!(error, PackError::TooLarge { got } if got == MAX_IMAGE_BYTES + 1), "{error:?}");
    });
    assert_eq!(bytes, 0);
    assert!(Packing::plan(MATCHER, &image[1..]).is_ok());
}

#[test]
fn a_cut_component_is_refused() {
    // Within the core module, which makes up nearly all of it; what is cut off behind it does not compile.
    for cut in (0..MATCHER.len() * 9 / 10).step_by(MATCHER.len() / 97) {
        assert!(Packing::plan(&MATCHER[..cut], b"image").is_err(), "cut at {cut}");
    }
}
