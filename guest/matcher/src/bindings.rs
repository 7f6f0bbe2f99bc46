//! Types and export glue of the contract, generated from `wit/matcher.wit`.

wit_bindgen::generate!({ path: "../../wit/matcher.wit", world: "matcher" });

use crate::component::Component;
export!(Component);
