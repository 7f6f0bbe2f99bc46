//! Threatsieve's matcher: the component that looks up batches of observables in the blacklist that
//! its host has mapped into its memory.
//!
//! `wit/matcher.wit` is its whole contract. [`blacklist`](threatsieve_blacklist) looks values up,
//! with the same code that hosts link. This crate adds what a component needs: the position of the
//! image ([`image`]), the state between calls, and the conversion to the contract's types.
//!
//! `host/runner` builds it for `wasm32-unknown-unknown`. For every other target the crate is empty.
//!
//! Limits: one image of at most 1 GiB; batches and answers as in the contract. Memory grows to what
//! the largest batch needed, and then stays the same however many calls follow.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(target_arch = "wasm32")]
mod image;
