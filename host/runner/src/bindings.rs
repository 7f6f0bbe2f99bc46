//! Types and calls of the contract, generated from `wit/matcher.wit`.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/matcher.wit, which documents every item"
)]

wasmtime::component::bindgen!({ path: "../../wit/matcher.wit", world: "matcher" });
