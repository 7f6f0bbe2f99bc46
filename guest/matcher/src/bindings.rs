//! The contract's types and export glue, made from `wit/matcher.wit`.

wit_bindgen::generate!({ path: "../../wit/matcher.wit", world: "matcher" });

use crate::component::Component;
export!(Component);
