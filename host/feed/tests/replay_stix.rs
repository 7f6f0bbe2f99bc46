//! Replays the corpora of the fuzz targets `stix`, `stix1`, `list`, `taxii1`, `warninglist`,
//! `filter` and `misp` on the stable toolchain.

use std::path::Path;

#[expect(clippy::unwrap_used, reason = "part of the tests")]
fn replay(name: &str, least: usize, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(name);
    let files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        files.len() >= least,
        "{}: expected at least {least} files, got {}",
        folder.display(),
        files.len()
    );
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(outcome.is_ok(), "{}", file.display());
    }
}

#[test]
fn stix() {
    replay("stix", 20, threatsieve_feed::fuzzing::stix);
}

#[test]
fn stix1() {
    replay("stix1", 30, threatsieve_feed::fuzzing::stix1);
}

#[test]
fn list() {
    replay("list", 12, threatsieve_feed::fuzzing::list);
}

#[test]
fn taxii1() {
    replay("taxii1", 20, threatsieve_feed::fuzzing::taxii1);
}

#[test]
fn warninglist() {
    replay("warninglist", 12, threatsieve_feed::fuzzing::warninglist);
}

#[test]
fn filter() {
    replay("filter", 12, threatsieve_feed::fuzzing::filter);
}

#[test]
fn misp() {
    replay("misp", 10, threatsieve_feed::fuzzing::misp);
}
