//! `[http]`.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::kinds::{BOOLEAN, DURATION, FilePath, HttpUrl, Plain, SIZE, integer, non_empty};
use super::nested::list;

settings! {
    /// Limits of every request to a feed, and its way out of this machine.
    #[heading = "[http]"]
    pub(crate) struct Http {
        /// Longest wait for a connection.
        #[setting(DURATION, default = "10s", example = "5s")]
        pub(crate) connect_timeout: Duration,

        /// Longest pause of a server while it sends a body.
        #[setting(DURATION, default = "60s", example = "30s")]
        pub(crate) idle_timeout: Duration,

        /// Longest time for one request with its body.
        #[setting(DURATION, default = "30m", example = "10m")]
        pub(crate) total_timeout: Duration,

        /// Longest time that a round polls feeds. After that, a TAXII feed keeps its complete
        /// pages and the next round continues behind them. Any other feed fails.
        #[setting(DURATION, default = "5m", example = "2m")]
        pub(crate) poll_timeout: Duration,

        /// Number of objects of a TAXII feed after which its complete pages are stored, before more
        /// are fetched. Memory grows by about 0.75 KB an indicator.
        #[setting(integer::<u32>(1, 16_000_000, "objects"), default = 250000, example = 1000000)]
        pub(crate) max_poll_objects: u32,

        /// Largest body, after decompression.
        #[key = "max_body"]
        #[setting(SIZE, default = "1GiB", example = "200MB")]
        pub(crate) max_body_bytes: u64,

        /// Servers in private networks (scheme, host and port) to which a feed's server may
        /// redirect, or which it may name as an API root. Its own host and public hosts are always
        /// allowed.
        #[setting(
            list(HttpUrl, "URLs"),
            default = [],
            example = ["http://mirror.example.internal:8080"]
        )]
        pub(crate) allow_redirects_to: Vec<Url>,

        /// Proxy for all requests. Without it, the environment variables `HTTPS_PROXY`,
        /// `HTTP_PROXY` and `NO_PROXY` apply.
        #[setting(HttpUrl, optional, example = "http://proxy.example.org:3128")]
        pub(crate) proxy: Option<Url>,

        /// Certificates (PEM) of authorities to trust in addition to the system's.
        #[setting(list(FilePath, "paths"), default = [], example = ["/etc/ssl/office-ca.pem"])]
        pub(crate) ca_files: Vec<PathBuf>,

        /// `User-Agent` of requests.
        #[setting(
            HEADER_VALUE,
            default = (concat!("\"threatsieve/", env!("CARGO_PKG_VERSION"), "\"")),
            example = "threatsieve (soc@example.org)"
        )]
        pub(crate) user_agent: String,

        /// Allow credentials over unencrypted HTTP to other machines: for feeds and for
        /// `[opensearch]`.
        #[setting(BOOLEAN, default = false, example = true)]
        pub(crate) allow_plain_http: bool,
    }
}

const HEADER_VALUE: Plain<String> = Plain {
    name: "string",
    expected: "printable ASCII",
    parse: |value| {
        let text = non_empty(value)?;
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')).then(|| text.to_owned())
    },
};
