//! Threatsieve's matcher: the component that looks batches of observables up in the blacklist that
//! its host has mapped into its memory.
//!
//! `wit/matcher.wit` is its whole contract. [`blacklist`](threatsieve_blacklist) does the looking up,
//! the same code that hosts link. This crate adds what a component needs: the image's place
//! ([`image`]), the state between calls, and the translation to the contract's types.
//!
//! It is built for `wasm32-unknown-unknown` by `host/runner`; on every other target the crate is empty.
//!
//! Limits: one image of at most 1 GiB; batches and answers as the contract has them. Memory grows to what the largest batch so far needed and then
//! stays there, however many calls follow.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(target_arch = "wasm32")]
mod image;
