//! The contents of the built component.

use wasmparser::{ComponentExternalKind, Parser, Payload};

/// The component that the embedded machine code was compiled from.
const MATCHER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/matcher.wasm"));

#[test]
fn it_imports_nothing_at_all() {
    let mut modules = 0;
    // `parse_all` also visits core modules and nested components.
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(MATCHER) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => (modules, depth) = (modules + 1, depth + 1),
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ImportSection(imports) => {
                assert_eq!(imports.count(), 0, "a core module imports")
            }
            // A nested component has the shape of the exported instance: it imports what it exports
            // from the component itself.
            Payload::ComponentImportSection(imports) if depth == 0 => {
                assert_eq!(imports.count(), 0, "the component imports")
            }
            _ => {}
        }
    }
    assert_eq!(modules, 1);
}

#[test]
fn it_exports_exactly_the_contract() {
    let mut exports = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(MATCHER) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.unwrap();
                    exports.push((export.name.name.to_owned(), export.kind));
                }
            }
            _ => {}
        }
    }
    assert_eq!(
        exports,
        [("threatsieve:matcher/lookup@1.0.0".to_owned(), ComponentExternalKind::Instance)]
    );
}

/// Lists every function of the contract with its test. A new function fails here until it has one.
#[test]
fn every_function_of_the_contract_has_a_test() {
    let tested = [
        ("check", include_str!("answers.rs"), "fn hits_come_back_in_order"),
        ("describe", include_str!("limits.rs"), "fn a_liar_is_not_loaded"),
    ];
    let contract = include_str!("../../../../wit/matcher.wit");
    let functions = contract
        .lines()
        .filter(|line| line.contains(": func("))
        .map(|line| line.trim().split(':').next().unwrap());
    let functions: Vec<_> = functions.collect();
    assert_eq!(functions, tested.map(|(function, _, _)| function));
    for (function, file, test) in tested {
        assert!(file.contains(test), "{function} has lost its test");
    }
}
