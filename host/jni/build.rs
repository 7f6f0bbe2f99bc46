//! How the library is linked, and where the runner's hostile components are.

use std::env;

fn main() -> Result<(), env::VarError> {
    println!("cargo::rerun-if-changed=build.rs");
    // Without symbols and line tables: a quarter of the size, and an installed library has no use for them. The profile keeps them for the program.
    println!("cargo::rustc-link-arg-cdylib=-Wl,--strip-all");
    println!("cargo::rustc-env=HOSTILE={}", env::var("DEP_THREATSIEVE_RUNNER_HOSTILE")?);
    Ok(())
}
