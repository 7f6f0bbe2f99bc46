//! `[blacklist]` and `[matching]`.

use std::path::PathBuf;

use threatsieve_blacklist::{Policy, Tlp};

use super::kinds::{BOOLEAN, FilePath, Plain, SHARE, TEXT, TlpLevel, integer};
use super::nested::list;
use super::reader::Reader;
use crate::backfill::RESERVED;

/// A name that the plugin does not reserve for temporary blacklists.
const BLACKLIST_NAME: Plain<String> = Plain {
    name: "text",
    expected: "a text that does not start with `_new-`",
    parse: |value| {
        let text = value.as_str()?;
        (!text.is_empty() && !text.starts_with(RESERVED)).then(|| text.to_owned())
    },
};

settings! {
    /// Content of the blacklist, and limits of its changes.
    #[heading = "[blacklist]"]
    pub(crate) struct BlacklistConfig {
        /// Name of the blacklist in events.
        #[setting(BLACKLIST_NAME, default = "default", example = "office")]
        pub(crate) name: String,

        /// Accept private, loopback and other special-purpose networks and names too.
        #[setting(BOOLEAN, default = false, example = true)]
        pub(crate) accept_special: bool,

        /// Accept networks wider than /8 (IPv4) or /19 (IPv6) too.
        #[setting(BOOLEAN, default = false, example = true)]
        pub(crate) accept_broad: bool,

        /// Largest share by which the number of entries may shrink from one generation to the next.
        #[setting(SHARE, default = 0.5, example = 0.3)]
        pub(crate) max_shrink: f64,

        /// Values that every generation must match.
        #[setting(list(TEXT, "strings"), default = [], example = ["known-bad.example"])]
        pub(crate) canaries: Vec<String>,

        /// Ed25519 key (PKCS#8 PEM) to sign blacklists with. Without it, they are not signed.
        #[setting(FilePath, optional, example = "sign.pem")]
        pub(crate) sign_key: Option<PathBuf>,
    }
}

settings! {
    /// Conditions that a match must meet.
    #[heading = "[matching]"]
    pub(super) struct Matching {
        /// Ignore indicators with a lower confidence. Indicators without a confidence count.
        #[setting(integer::<u8>(0, 100, ""), default = 0, example = 50)]
        min_confidence: u8,

        /// Ignore indicators whose TLP is stricter than this.
        #[setting(TlpLevel, default = "RED", example = "AMBER")]
        max_tlp: Tlp,

        /// Count partial matches too: a URL that is listed with its query, in a log without
        /// queries; a word of free text that may be a file's name (`backup.zip`).
        #[setting(BOOLEAN, default = false, example = true)]
        partial: bool,

        /// Match only the listed domains themselves, not the hosts below them.
        #[setting(BOOLEAN, default = false, example = true)]
        exact: bool,
    }
}

pub(super) fn policy(table: &Reader<'_>) -> Option<Policy> {
    let Matching { min_confidence, max_tlp, partial, exact } = Matching::read(table)?;
    Some(Policy { min_confidence, max_tlp, partial, exact })
}
