//! Replays the fuzz corpora of this crate's targets on the stable toolchain.

use std::path::Path;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut inputs = 0;
    for file in
        std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
    {
        let path = file.unwrap_or_else(|error| panic!("{}: {error}", corpus.display())).path();
        run(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        inputs += 1;
    }
    assert!(inputs > 0, "no inputs in {}", corpus.display());
}

#[test]
fn blacklists() {
    replay("blacklist", threatsieve_blacklist::fuzzing::blacklist);
}

#[test]
fn values_of_every_kind() {
    replay("normaliser", threatsieve_blacklist::fuzzing::normaliser);
}
