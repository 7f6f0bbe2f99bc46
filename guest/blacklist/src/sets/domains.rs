//! Domain names: a finite-state transducer from names, with their labels in reverse order, to
//! ordinals.

use fst::raw::{Fst, Output};

use super::Modes;
use crate::hit::How;
use crate::value::DomainMode;

/// The listed names.
pub(crate) struct Domains<'a> {
    names: Fst<&'a [u8]>,
    modes: Modes<'a>,
}

/// The bit of a mode in [`Modes`].
pub(crate) const fn mode_bit(mode: DomainMode) -> u8 {
    match mode {
        DomainMode::AtAndBelow | DomainMode::Tree => 1,
        DomainMode::Exact => 2,
        DomainMode::Below => 4,
    }
}

const AT: u8 = mode_bit(DomainMode::AtAndBelow) | mode_bit(DomainMode::Exact);
const BELOW: u8 = mode_bit(DomainMode::AtAndBelow) | mode_bit(DomainMode::Below);

impl<'a> Domains<'a> {
    pub(crate) fn new(names: Fst<&'a [u8]>, modes: Modes<'a>) -> Domains<'a> {
        Domains { names, modes }
    }

    /// Calls `found` with the ordinal, the length in bytes and the kind of match of each listed
    /// name at or above `host`, shortest first. It walks the transducer once: the cost is bounded
    /// by the host's length, whatever is listed.
    pub(crate) fn covering(&self, host: &[u8], cut: bool, mut found: impl FnMut(u32, usize, How)) {
        let mut node = self.names.root();
        let mut output = Output::zero();
        let mut end = host.len();
        loop {
            let start = host[..end].iter().rposition(|&b| b == b'.').map_or(0, |dot| dot + 1);
            for &byte in &host[start..end] {
                let Some(i) = node.find_input(byte) else { return };
                let step = node.transition(i);
                output = output.cat(step.out);
                node = self.names.node(step.addr);
            }
            let whole = start == 0;
            if node.is_final() {
                let ordinal = output.cat(node.final_output()).value() as u32;
                let (wanted, how) =
                    if whole && !cut { (AT, How::Exact) } else { (BELOW, How::Subdomain) };
                if self.modes.get(ordinal) & wanted != 0 {
                    found(ordinal, host.len() - start, how);
                }
            }
            if whole {
                return;
            }
            let Some(i) = node.find_input(b'.') else { return };
            let step = node.transition(i);
            output = output.cat(step.out);
            node = self.names.node(step.addr);
            end = start - 1;
        }
    }
}

/// Appends the name with its labels in reverse order: `com.evil.www`. Reversing twice restores the
/// name.
#[cfg(feature = "host")]
pub(crate) fn reverse_labels(name: &[u8], out: &mut Vec<u8>) {
    for (i, label) in name.rsplit(|&b| b == b'.').enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(label);
    }
}
