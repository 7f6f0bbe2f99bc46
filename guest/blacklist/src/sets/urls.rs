//! URLs: a finite-state transducer from `host[:port]/path[?query]` to ordinals.

use fst::raw::{Fst, Output};

use super::Modes;
use crate::hit::How;
use crate::value::UrlMode;

/// The most entries with a query that are found for one URL with an unlogged query.
const MAX_UNLOGGED: usize = 64;

/// The listed URLs.
pub(crate) struct Urls<'a> {
    keys: Fst<&'a [u8]>,
    modes: Modes<'a>,
}

/// The bit of a mode in [`Modes`].
pub(crate) const fn mode_bit(mode: UrlMode) -> u8 {
    match mode {
        UrlMode::Exact => 1,
        UrlMode::Prefix => 2,
    }
}

impl<'a> Urls<'a> {
    pub(crate) fn new(keys: Fst<&'a [u8]>, modes: Modes<'a>) -> Urls<'a> {
        Urls { keys, modes }
    }

    /// Calls `found` with the ordinal, the length in bytes and the kind of match of each listed URL
    /// that covers `url`, shortest first. The path of `url` ends at `path_end`.
    pub(crate) fn covering(
        &self,
        url: &[u8],
        path_end: usize,
        unlogged: bool,
        mut found: impl FnMut(u32, usize, How),
    ) {
        let mut state = Some(State { addr: self.keys.root().addr(), output: Output::zero() });
        for (at, &byte) in url[..path_end].iter().enumerate() {
            let Some(here) = state else { return };
            let segment_ends = byte == b'/' || (at > 0 && url[at - 1] == b'/');
            if let (true, Some(ordinal)) = (segment_ends, self.ordinal(here))
                && self.modes.get(ordinal) & mode_bit(UrlMode::Prefix) != 0
            {
                found(ordinal, at, How::UrlPrefix);
            }
            state = self.step(here, byte);
        }
        let Some(path) = state else { return };
        if let Some(ordinal) = self.ordinal(path) {
            found(ordinal, path_end, How::Url);
        }
        if unlogged {
            if let Some(query) = self.step(path, b'?') {
                self.all_below(query, |ordinal| {
                    found(ordinal, path_end + 1, How::UrlQueryUnlogged)
                });
            }
        } else if path_end < url.len() {
            let whole = url[path_end..].iter().try_fold(path, |here, &byte| self.step(here, byte));
            if let Some(ordinal) = whole.and_then(|here| self.ordinal(here)) {
                found(ordinal, url.len(), How::Url);
            }
        }
    }

    /// Returns whether any listed URL begins with these bytes.
    pub(crate) fn may_begin_with(&self, host: &[u8]) -> bool {
        let root = State { addr: self.keys.root().addr(), output: Output::zero() };
        host.iter().try_fold(root, |here, &byte| self.step(here, byte)).is_some()
    }

    fn step(&self, from: State, byte: u8) -> Option<State> {
        let node = self.keys.node(from.addr);
        let step = node.transition(node.find_input(byte)?);
        Some(State { addr: step.addr, output: from.output.cat(step.out) })
    }

    fn ordinal(&self, at: State) -> Option<u32> {
        let node = self.keys.node(at.addr);
        node.is_final().then(|| at.output.cat(node.final_output()).value() as u32)
    }

    /// Calls `found` with the first entries below a state, in their order.
    fn all_below(&self, from: State, mut found: impl FnMut(u32)) {
        let mut count = 0;
        let mut open = vec![from];
        while let Some(here) = open.pop() {
            if let Some(ordinal) = self.ordinal(here) {
                found(ordinal);
                count += 1;
                if count == MAX_UNLOGGED {
                    return;
                }
            }
            let node = self.keys.node(here.addr);
            open.extend((0..node.len()).rev().map(|i| {
                let step = node.transition(i);
                State { addr: step.addr, output: here.output.cat(step.out) }
            }));
        }
    }
}

/// A state of the transducer, with the output collected on the way to it.
#[derive(Clone, Copy)]
struct State {
    addr: usize,
    output: Output,
}
