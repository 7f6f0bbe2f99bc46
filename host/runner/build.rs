//! Builds the matcher.
//!
//! A nested cargo builds the core module for `wasm32-unknown-unknown`. wit-component turns it into
//! the component. wasmtime's compiler turns that into machine code, once for traps found by signal
//! handlers and once for explicit checks. The program that embeds the code has no compiler. Nothing
//! built is committed, so the embedded code always corresponds to the sources. The hostile
//! components of the tests are built here too.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wasmtime::Engine;

#[path = "src/settings.rs"]
mod settings;

const TARGET: &str = "wasm32-unknown-unknown";
/// Bulk copies for the allocator and the bindings, and 128-bit vectors for the normaliser and the
/// comparison of digests. wasmtime supports both on every host.
const RUSTFLAGS: &[&str] =
    &["-Ctarget-feature=+bulk-memory,+simd128", "-Clink-arg=-zstack-size=262144"];
/// Processor features that the code may use on x86-64: those of x86-64-v2, which every server since
/// 2009 has. A fixed set makes the code independent of the machine that builds it.
const X86_64_FEATURES: &[&str] = &["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"];
/// The parts of the workspace that the component is built from, besides the crates of the lock
/// file.
const SOURCES: &[&str] = &["Cargo.toml", "Cargo.lock", "wit", "guest/matcher", "guest/blacklist"];

fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace =
        package.ancestors().nth(2).ok_or("host/runner lies two folders below the workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).display());
    }
    require_target()?;
    let module = build_module(workspace, &out.join("guest"))?;
    let matcher = component(&fs::read(module)?)?;
    compile(&matcher, &out.join("matcher"))?;
    // Not embedded: the tests read its imports and exports.
    fs::write(out.join("matcher.wasm"), matcher)?;
    println!("cargo::metadata=hostile={}", out.join("hostile").display());
    assemble_hostile(workspace, &package.join("tests/hostile"), &out.join("hostile"))
}

/// Writes a component's machine code in both forms: `PATH.signals.code` and `PATH.checks.code`.
fn compile(component: &[u8], path: &Path) -> Result<(), Box<dyn Error>> {
    for (signal_traps, form) in [(true, "signals.code"), (false, "checks.code")] {
        let mut config = settings::settings(signal_traps);
        let target = env::var("TARGET")?;
        config.target(&target)?;
        if target.starts_with("x86_64") {
            for feature in X86_64_FEATURES {
                // SAFETY: the names are settings of cranelift for x86-64, and wasmtime does not
                // load the code on a processor without one of these features.
                unsafe { config.cranelift_flag_enable(feature) };
            }
        }
        let code = Engine::new(&config)?.precompile_component(component)?;
        fs::write(path.with_extension(form), code)?;
    }
    Ok(())
}

/// Returns the component for a core module that contains its contract in a custom section.
fn component(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(wit_component::ComponentEncoder::default().validate(true).module(module)?.encode()?)
}

/// Compiles the hostile components. Each file is the difference from `common.wat`, or a whole
/// component.
fn assemble_hostile(workspace: &Path, sources: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", sources.display());
    fs::create_dir_all(out)?;
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(workspace.join("wit/matcher.wit"))?;
    let world = resolve.select_world(&[package], None)?;
    let common = fs::read_to_string(sources.join("common.wat"))?;
    for source in fs::read_dir(sources)? {
        let source = source?.path();
        if source.ends_with("common.wat") {
            continue;
        }
        let text = fs::read_to_string(&source)?;
        let bytes = if text.contains("(component") {
            wat::parse_str(&text)?
        } else {
            let mut module = wat::parse_str(format!("(module {common} {text})"))?;
            wit_component::embed_component_metadata(
                &mut module,
                &resolve,
                world,
                wit_component::StringEncoding::UTF8,
            )?;
            component(&module)?
        };
        compile(&bytes, &out.join(source.file_stem().ok_or("a file has a name")?))?;
    }
    Ok(())
}

/// Checks that the target is installed. Cargo's own message for a missing target is hundreds of
/// lines of unresolved names.
fn require_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var("RUSTC")?;
    let output =
        Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libraries = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    if output.status.success() && libraries.is_dir() {
        return Ok(());
    }
    Err(format!(
        "{rustc} has no standard library for {TARGET}; install it with: rustup target add {TARGET}"
    )
    .into())
}

fn build_module(workspace: &Path, target_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let status = Command::new(env::var("CARGO")?)
        // Only the outer cargo changes the lock file. Offline settings (CARGO_NET_OFFLINE) and the
        // job server are inherited.
        .arg("build")
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .args([
            "--package",
            "threatsieve-matcher",
            "--profile",
            "guest",
            "--locked",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        // Flags for the host (sanitizers, target-cpu) and clippy's wrapper of rustc must not reach
        // the guest.
        .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()?;
    if !status.success() {
        return Err(format!(
            "building threatsieve-matcher for {TARGET} failed: {status}; cargo's messages are above"
        )
        .into());
    }
    Ok(target_dir.join(TARGET).join("guest").join("threatsieve_matcher.wasm"))
}
