//! The seed of tests that draw at random.

/// Gives the seed of the environment's `THREATSIEVE_SEED`, which `make test` sets and prints, or a fresh one.
/// A test that fails shows it.
#[expect(clippy::print_stdout, reason = "the seed, to run a failed test again")]
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("THREATSIEVE_SEED")
        .map_or_else(|_| fastrand::u32(..).into(), |seed| seed.parse().unwrap());
    println!("THREATSIEVE_SEED={seed}");
    seed
}
