//! Replays the corpus of the fuzz target `pattern` and the OASIS examples on the stable toolchain.

use std::path::Path;

use threatsieve_feed::reduce::fuzzing::pattern;

#[test]
fn the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/pattern");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&corpus).expect("the corpus is committed") {
        let file = entry.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        assert!(std::panic::catch_unwind(|| pattern(&bytes)).is_ok(), "{}", file.display());
        replayed += 1;
    }
    assert!(replayed > 30, "expected more than 30 files in {}, got {replayed}", corpus.display());
}

#[test]
fn the_examples_hold() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/patterns");
    for name in [
        "v20_pass.txt",
        "v20_fail.txt",
        "v21_pass.txt",
        "v21_fail.txt",
        "v20_inspect.txt",
        "v21_inspect.txt",
    ] {
        let text = std::fs::read_to_string(examples.join(name)).unwrap();
        text.lines().for_each(|line| pattern(line.as_bytes()));
    }
}
