//! The image in an instance's memory: its place, its length, and the instances that see it.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use threatsieve_blacklist::Blacklist;
use threatsieve_runner::{
    CheckError, MAX_IMAGE_BYTES, MemoryFile, Runner, RunnerError, RunnerOptions,
};

use crate::common::{
    Loaded, blacklist, chain, compiled, hostile, hosts, large, listed, open, runner, stretched,
};

const PAGE: usize = 4096;
const WASM_PAGE: usize = 65_536;
const CHILD: &str = "THREATSIEVE_TEST_CHILD";

/// The blacklist that `common.wat` describes, with an image of this many bytes.
fn described(image_bytes: usize) -> Loaded {
    open(stretched(
        compiled("hostile", 7, listed(&["evil.com", "evil.org"]), Vec::new()),
        image_bytes,
    ))
}

#[test]
fn an_image_of_any_length_is_found_and_memory_grows_behind_it() {
    let whole = [PAGE, WASM_PAGE, 5 * WASM_PAGE].map(|page| 4 * page);
    let lengths = whole.iter().flat_map(|whole| [whole - 1, *whole, whole + 1, whole + PAGE]);
    for (length, signal_traps) in lengths.flat_map(|length| [(length, true), (length, false)]) {
        let options = RunnerOptions { signal_traps, ..RunnerOptions::default() };
        // A component that reads every byte after the image finds it,
        let grower = Runner::with_code(options.clone(), hostile!("grower")).unwrap();
        grower.load(described(length)).unwrap();
        assert_eq!(grower.check(&hosts(["a"])).unwrap().hits.len(), 1, "{length}");
        // and so does the matcher, whose allocator grows the memory for a batch of some megabytes.
        let matcher = runner(options, &described(length));
        let batch = hosts(std::iter::repeat_n("www.evil.com", 60_000));
        assert_eq!(matcher.check(&batch).unwrap().hits.len(), 60_000, "{length}");
        assert_eq!(matcher.counters().instances, 1);
    }
}

#[test]
fn the_largest_image_loads_and_a_larger_one_is_rejected() {
    let runner = runner(RunnerOptions::default(), &described(MAX_IMAGE_BYTES));
    let batch = hosts(std::iter::repeat_n("evil.org", 10_000));
    assert_eq!(runner.check(&batch).unwrap().hits.len(), 10_000);
    let error = runner.load(described(MAX_IMAGE_BYTES + 1)).unwrap_err();
    assert!(matches!(error, RunnerError::TooLarge { got, .. } if got == MAX_IMAGE_BYTES + 1));
    assert!(error.to_string().contains("\"hostile\", generation 7"), "{error}");
    assert_eq!(runner.check(&hosts(["evil.org"])).unwrap().hits.len(), 1);
}

/// A component that writes over its image harms only its own instance.
#[test]
fn an_instance_changes_nobody_elses_image() {
    for signal_traps in [true, false] {
        let options = RunnerOptions { signal_traps, instances: 1, ..RunnerOptions::default() };
        let blacklist = described(3 * WASM_PAGE);
        let load = || {
            let runner = Runner::with_code(options.clone(), hostile!("scribbler")).unwrap();
            runner.load(blacklist.clone()).unwrap();
            runner
        };
        let hits = |runner: &Runner, host: &str| runner.check(&hosts([host])).unwrap().hits.len();
        let (scribbler, other) = (load(), load());
        assert_eq!((hits(&scribbler, "a"), hits(&other, "a")), (1, 1));
        assert_eq!((hits(&scribbler, "!"), hits(&scribbler, "a")), (0, 0));
        // The write changes neither another instance with the same image, nor a new one, nor the
        // file,
        assert_eq!((hits(&other, "a"), hits(&load(), "a")), (1, 1));
        assert!(Blacklist::open(blacklist.file().clone(), None).is_ok());
        // nor the next generation.
        scribbler.load(described(4 * WASM_PAGE)).unwrap();
        assert_eq!(hits(&scribbler, "a"), 1);
    }
}

#[test]
fn an_image_is_unmapped_with_its_last_call() {
    let old = blacklist("old", 1, &["evil.com"]);
    let file = File::from(old.file().as_fd().try_clone_to_owned().unwrap());
    let inode = file.metadata().unwrap().ino();
    // Private mappings of the file, one for each instance.
    let instances = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let ours = maps.lines().filter(|line| line.contains("memfd:threatsieve-blacklist"));
        let of_file =
            ours.filter(|line| line.split_whitespace().nth(4) == Some(&inode.to_string()));
        of_file.filter(|line| line.contains("rw-p")).count()
    };
    let runner = runner(RunnerOptions { instances: 1, ..RunnerOptions::default() }, &old);
    let answer = runner.check(&hosts(["evil.com"])).unwrap();
    assert_eq!(instances(), 1);
    runner.load(blacklist("new", 2, &["evil.org"])).unwrap();
    assert_eq!(instances(), 0);
    assert_eq!(answer.blacklist.digest(), old.digest(), "the answer still has its blacklist");
}

#[test]
fn nobody_can_change_a_file_in_memory() {
    let file = MemoryFile::copy_of(b"sealed").unwrap();
    let clone = File::from(file.as_fd().try_clone_to_owned().unwrap());
    for length in [0, 100] {
        assert_eq!(clone.set_len(length).unwrap_err().raw_os_error(), Some(1), "EPERM");
    }
    assert!(std::io::Write::write(&mut &clone, b"x").is_err());
    // SAFETY: the system must refuse it.
    assert!(unsafe { memmap2::MmapMut::map_mut(&clone) }.is_err());
    assert_eq!(file.as_ref(), b"sealed");
}

#[test]
fn held_bytes_count_the_file_once_and_the_instances_memory() {
    let blacklist = large(1, 10_000);
    let runner = runner(RunnerOptions { instances: 1, ..RunnerOptions::default() }, &blacklist);
    let before = runner.held_bytes();
    assert!(
        before > blacklist.file_bytes() && before < blacklist.file_bytes() + (2 << 20),
        "{before}"
    );
    runner.check(&hosts(std::iter::repeat_n("evil.com", 60_000))).unwrap();
    let after = runner.held_bytes();
    assert!(after > before + (1 << 20), "{after} after a large batch, {before} before it");
    runner.load(crate::common::blacklist("small", 2, &["evil.com"])).unwrap();
    assert!(runner.held_bytes() < before, "{}", runner.held_bytes());
}

/// Runs a test in its own process, because it changes the limits of the process.
fn in_child(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && text[0].contains("1 passed"), "{}{}", text[0], text[1]);
}

#[test]
fn a_failed_mapping_is_a_typed_error() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("mapping::a_failed_mapping_is_a_typed_error");
    }
    let good = blacklist("good", 1, &["evil.com"]);
    let runner = runner(RunnerOptions { instances: 0, ..RunnerOptions::default() }, &good);
    let next = blacklist("next", 2, &["evil.com"]);
    let limit = |resource, current| {
        setrlimit(resource, Rlimit { current, ..getrlimit(resource) }).unwrap();
    };
    // Less address space than an instance reserves.
    limit(Resource::As, Some(1 << 30));
    let error = runner.load(next.clone()).unwrap_err();
    assert!(matches!(error, RunnerError::Describe(CheckError::Instance(_))), "{error:?}");
    assert!(chain(&error).contains("cannot map a blacklist's image of"), "{}", chain(&error));
    let error = runner.check(&hosts(["evil.com"])).unwrap_err();
    assert!(matches!(error, CheckError::Instance(_)), "{error:?}");
    // When there is room again, everything works.
    limit(Resource::As, None);
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().blacklist.generation(), 1);
    runner.load(next).unwrap();
    // There is no file descriptor left for a file in memory.
    limit(Resource::Nofile, Some(3));
    let error = MemoryFile::copy_of(b"x").unwrap_err();
    assert!(error.to_string().contains("memfd_create"), "{error}");
}

/// Loading takes the bytes of the file once. Nothing of the image is copied again.
#[test]
fn loading_peaks_at_the_file() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("mapping::loading_peaks_at_the_file");
    }
    let path = std::env::temp_dir().join(format!("threatsieve-peak-{}", std::process::id()));
    let list = large(1, 2_000_000);
    let image = list.guest_image().len();
    std::fs::write(&path, list.file().as_ref()).unwrap();
    drop(list);
    let status = |field: &str| -> usize {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    // The peak is measured from here.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let source = File::open(&path).unwrap();
    let file = MemoryFile::read(&source, source.metadata().unwrap().len()).unwrap();
    let bytes = file.as_ref().len();
    let runner = runner(
        RunnerOptions::default(),
        &std::sync::Arc::new(Blacklist::open(file, None).unwrap()),
    );
    let peak = status("VmHWM:") - before;
    std::fs::remove_file(&path).unwrap();
    println!("file {bytes}, image {image}, peak {peak}");
    assert!(image > 60_000_000, "{image}");
    assert!(
        peak <= bytes + image / 5,
        "a peak of {peak} bytes for a file of {bytes}, image of {image}"
    );
    assert_eq!(runner.check(&hosts(["evil.com"])).unwrap().hits.len(), 1);
}
