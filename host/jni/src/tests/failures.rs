//! Panics, handles, and other failures that are not about blacklists.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::World;
use crate::failure::{Failure, Kind};
use crate::nodes;

#[test]
fn a_panic_keeps_its_message() {
    let of = |panics: fn()| {
        let payload = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        Failure::panicked(&*payload)
    };
    let failure = of(|| panic!("at {}", 7));
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (Kind::Panic, "the native library panicked: at 7")
    );
    assert!(of(|| panic!("fixed")).message.ends_with("fixed"));
    assert!(of(|| std::panic::panic_any(7)).message.ends_with("no message"));
}

#[test]
fn a_handle_that_is_not_open_is_an_error() {
    let World { node, .. } = World::new();
    let handle = nodes::open(node);
    assert_ne!(handle, 0);
    let held = nodes::get(handle).unwrap();
    nodes::close(handle);
    nodes::close(handle);
    for wrong in [handle, 0, -1, i64::MIN, i64::MAX] {
        assert_eq!(nodes::get(wrong).unwrap_err().kind, Kind::Internal);
    }
    // Calls that already have it are not affected.
    assert!(!held.unload("none"));
    assert_ne!(nodes::open(World::new().node), handle);
}
