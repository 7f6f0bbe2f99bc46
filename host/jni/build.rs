//! Sets how the library is linked, and passes on the folder with the runner's hostile components.

use std::env;

fn main() -> Result<(), env::VarError> {
    println!("cargo::rerun-if-changed=build.rs");
    // An installed library needs no symbols and line tables, and is a quarter of the size without
    // them. The profile keeps them for the program.
    println!("cargo::rustc-link-arg-cdylib=-Wl,--strip-all");
    println!("cargo::rustc-env=HOSTILE={}", env::var("DEP_THREATSIEVE_RUNNER_HOSTILE")?);
    Ok(())
}
