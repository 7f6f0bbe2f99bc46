//! The seed of randomised tests.

/// Returns the seed from the environment variable `THREATSIEVE_SEED`, which `make test` sets and
/// prints. Without it, returns a random seed. The output of a failed test shows it.
#[expect(clippy::print_stdout, reason = "the seed, to run a failed test again")]
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("THREATSIEVE_SEED")
        .map_or_else(|_| fastrand::u32(..).into(), |seed| seed.parse().unwrap());
    println!("THREATSIEVE_SEED={seed}");
    seed
}
