//! Every setting there is: its type, default, example and meaning. The reader takes known keys and defaults from here, and the
//! reference is printed from here, so that none of them can disagree.

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// Its type, as shown to readers.
    pub(crate) kind: &'static str,
    pub(crate) default: Default,
    /// A value, in TOML.
    pub(crate) example: &'static str,
    pub(crate) meaning: &'static str,
}

/// What holds where a key is absent.
#[derive(Debug)]
pub(crate) enum Default {
    /// The key must be there.
    Required,
    /// Nothing; the meaning says what that does.
    Absent,
    /// This value, in TOML.
    Is(&'static str),
}

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Table {
    /// As it is written: `[http]`, `[[feeds]]`; empty for the top level.
    pub(crate) heading: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) settings: &'static [Setting],
}

impl Table {
    /// Whether a key's value is a URL, or a list of such, which may have keys in it.
    pub(crate) fn is_url(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key && setting.kind.contains("URL"))
    }
}

use self::Default::{Absent, Is, Required};

const fn setting(
    key: &'static str,
    kind: &'static str,
    default: Default,
    example: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { key, kind, default, example, meaning }
}

/// Of whatever is connected to over TLS.
const CA_FILES: Setting = setting(
    "ca_files",
    "list of paths",
    Is("[]"),
    "[\"/etc/ssl/office-ca.pem\"]",
    "Certificates (PEM) of authorities trusted beside the system's.",
);

pub(crate) const TOP: Table = Table {
    heading: "",
    meaning: "Paths are relative to the configuration file's folder.",
    settings: &[
        setting(
            "state",
            "path",
            Required,
            "\"/var/lib/threatsieve\"",
            "Folder of the state: the database, blacklists, the lock. Made when it is missing.",
        ),
        setting(
            "schedule",
            "table",
            Absent,
            "{ every = \"15m\" }",
            "When `run` starts a round; see `[schedule]`.",
        ),
        setting(
            "http",
            "table",
            Absent,
            "{ idle_timeout = \"30s\" }",
            "How feeds are fetched; see `[http]`.",
        ),
        setting(
            "feeds",
            "array of tables",
            Absent,
            "[{ name = \"local\", type = \"path\", path = \"bad.txt\" }]",
            "Where indicators come from; see `[[feeds]]`.",
        ),
        setting(
            "blacklist",
            "table",
            Absent,
            "{ name = \"office\" }",
            "What is compiled; see `[blacklist]`.",
        ),
        setting(
            "matching",
            "table",
            Absent,
            "{ min_confidence = 50 }",
            "Which matches count; see `[matching]`.",
        ),
        setting(
            "logs",
            "array of tables",
            Absent,
            "[{ name = \"proxy\", paths = [\"/var/log/squid/access.log*\"] }]",
            "Logs that are followed; see `[[logs]]`. None: indicators are held, nothing is matched.",
        ),
        setting(
            "history",
            "table",
            Absent,
            "{ window = \"30d\" }",
            "How far back logs are matched; see `[history]`.",
        ),
        setting(
            "output",
            "table",
            Absent,
            "{ file = \"matches.ndjson\" }",
            "Where flagged events go; see `[output]`.",
        ),
        setting(
            "alerts",
            "table",
            Absent,
            "{ from = \"threatsieve@example.org\", recipients = [\"soc@example.org\"], folder = \"mails\" }",
            "Who is told; see `[alerts]`. Absent: nobody.",
        ),
        setting(
            "opensearch",
            "table",
            Absent,
            "{ hosts = [\"https://node1.example.org:9200\"] }",
            "The OpenSearch cluster whose ingest nodes match events; see `[opensearch]`. Absent: none.",
        ),
        setting(
            "health",
            "table",
            Absent,
            "{ feed_dead_after = \"12h\" }",
            "When something counts as wrong; see `[health]`.",
        ),
        setting(
            "retention",
            "table",
            Absent,
            "{ mails = \"7d\" }",
            "How much of the past the state keeps; see `[retention]`.",
        ),
        setting(
            "logging",
            "table",
            Absent,
            "{ level = \"debug\" }",
            "The program's own log; see `[logging]`.",
        ),
    ],
};

pub(crate) const SCHEDULE: Table = Table {
    heading: "[schedule]",
    meaning: "When `run` starts a round: `every` or `cron`, not both.",
    settings: &[
        setting(
            "every",
            "duration",
            Absent,
            "\"15m\"",
            "So long after the last round started. Without `cron`, 15 minutes unless given.",
        ),
        setting(
            "cron",
            "string",
            Absent,
            "\"*/15 * * * *\"",
            "At the times of this expression (minute, hour, day of month, month, day of week), in the machine's time zone.",
        ),
    ],
};

pub(crate) const HTTP: Table = Table {
    heading: "[http]",
    meaning: "Limits of every request to a feed, and how it leaves the machine.",
    settings: &[
        setting(
            "connect_timeout",
            "duration",
            Is("\"10s\""),
            "\"5s\"",
            "Longest wait for a connection.",
        ),
        setting(
            "idle_timeout",
            "duration",
            Is("\"60s\""),
            "\"30s\"",
            "Longest silence while a body is read.",
        ),
        setting(
            "total_timeout",
            "duration",
            Is("\"30m\""),
            "\"10m\"",
            "Longest time for one request with its body.",
        ),
        setting(
            "poll_timeout",
            "duration",
            Is("\"5m\""),
            "\"2m\"",
            "Longest time that a round spends on polling. A TAXII feed that is not done by then keeps its complete \
             pages, and the next round goes on behind them; any other feed fails.",
        ),
        setting(
            "max_poll_objects",
            "integer, 1 to 16000000",
            Is("250000"),
            "1000000",
            "Objects of a TAXII feed after which its complete pages are stored, before more are fetched; memory \
             grows by about 0.75 KB an indicator.",
        ),
        setting(
            "max_body",
            "size",
            Is("\"1GiB\""),
            "\"200MB\"",
            "Largest body, after decompression.",
        ),
        setting(
            "allow_redirects_to",
            "list of URLs",
            Is("[]"),
            "[\"http://mirror.example.internal:8080\"]",
            "Schemes, hosts and ports in private networks that a feed's server may redirect to, or name as an API \
             root. Its own and public ones are allowed anyway.",
        ),
        setting(
            "proxy",
            "URL",
            Absent,
            "\"http://proxy.example.org:3128\"",
            "The proxy; absent: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.",
        ),
        CA_FILES,
        setting(
            "user_agent",
            "string",
            Is(concat!("\"threatsieve/", env!("CARGO_PKG_VERSION"), "\"")),
            "\"threatsieve (soc@example.org)\"",
            "How requests name themselves.",
        ),
        setting(
            "allow_plain_http",
            "boolean",
            Is("false"),
            "true",
            "Send credentials over unencrypted HTTP to other machines, too; of feeds and of `[opensearch]`.",
        ),
    ],
};

pub(crate) const FEED: Table = Table {
    heading: "[[feeds]]",
    meaning: "Where indicators come from. `type` says which of the settings below apply.",
    settings: &[
        setting(
            "name",
            "string",
            Required,
            "\"partner\"",
            "The feed's name, unique, as reports and `threat.feed.name` show it.",
        ),
        setting(
            "type",
            "\"taxii\", \"url\" or \"path\"",
            Required,
            "\"taxii\"",
            "A TAXII 2.1 collection; a list, bundle or envelope behind a URL; a file or a folder of files.",
        ),
        setting(
            "url",
            "URL",
            Absent,
            "\"https://taxii.example.org/taxii2/\"",
            "taxii, url: required. For TAXII the discovery, API root or collection URL. Without credentials in it.",
        ),
        setting(
            "path",
            "path",
            Absent,
            "\"/etc/threatsieve/lists\"",
            "path: required. A file, or a folder of files, of lists or STIX.",
        ),
        setting(
            "collection",
            "string",
            Absent,
            "\"indicators\"",
            "taxii: the collection's id, alias or title; absent where the URL names it or only one can be read.",
        ),
        setting(
            "page_objects",
            "integer, 1 to 100000",
            Absent,
            "1000",
            "taxii: objects asked for in one request; 1000 unless given.",
        ),
        setting(
            "overlap",
            "duration",
            Absent,
            "\"1h\"",
            "taxii: how much of what was added before the last poll is asked for again; 10 minutes unless given.",
        ),
        setting(
            "since",
            "date or time",
            Absent,
            "2026-01-01",
            "taxii: objects added before it are not asked for at the first poll; absent: all are.",
        ),
        setting(
            "user",
            "string",
            Absent,
            "\"reader\"",
            "taxii, url: name for basic authentication; needs `password`.",
        ),
        setting(
            "password",
            "secret",
            Absent,
            "{ env = \"PARTNER_PASSWORD\" }",
            "taxii, url: password for basic authentication; needs `user`.",
        ),
        setting(
            "token",
            "secret",
            Absent,
            "{ file = \"/run/secrets/partner-token\" }",
            "taxii, url: a bearer token (RFC 6750).",
        ),
        setting(
            "header",
            "table",
            Absent,
            "{ name = \"X-API-Key\", value = { env = \"PARTNER_KEY\" } }",
            "taxii, url: an API key in a header of that name; `value` is a secret.",
        ),
        setting(
            "client_certificate",
            "path",
            Absent,
            "\"client.pem\"",
            "taxii, url: certificate (PEM) shown to the server; needs `client_key`.",
        ),
        setting(
            "client_key",
            "path",
            Absent,
            "\"client.key\"",
            "taxii, url: the certificate's private key (PEM).",
        ),
        setting(
            "role",
            "\"block\" or \"allow\"",
            Is("\"block\""),
            "\"allow\"",
            "Whether its values match, or suppress matches of equal or lesser specificity.",
        ),
        setting(
            "every",
            "duration",
            Absent,
            "\"1h\"",
            "Shortest time between two polls; absent: every round polls it.",
        ),
        setting(
            "confidence",
            "integer, 0 to 100",
            Absent,
            "70",
            "Confidence of indicators that say none.",
        ),
        setting("tlp", "TLP level", Absent, "\"AMBER\"", "Marking of indicators that carry none."),
        setting(
            "url_match",
            "\"exact\" or \"prefix\"",
            Is("\"exact\""),
            "\"prefix\"",
            "Which paths a listed URL covers: its own, or all below it too.",
        ),
        setting(
            "max_shrink",
            "share, 0 to 1",
            Is("0.5"),
            "0.3",
            "Largest share of its active indicators that may leave at once; more is held back until `feeds --allow NAME`.",
        ),
        setting(
            "format",
            "reader",
            Absent,
            "\"csv:url\"",
            "How it is read: `lines`, `hosts`, `csv`, `json` or `stix`; `csv:NAME` and `json:NAME` name the column of values. Absent: told by the content.",
        ),
        setting(
            "match_port",
            "boolean",
            Is("false"),
            "true",
            "Match a value that is listed with a port only in events with that port.",
        ),
        setting(
            "may_be_empty",
            "boolean",
            Is("false"),
            "true",
            "Take a first delivery without an indicator. Otherwise it is held back.",
        ),
        setting(
            "canaries",
            "list of strings",
            Is("[]"),
            "[\"known-bad.example\"]",
            "Values that it always has to list; a delivery without one is held back.",
        ),
    ],
};

pub(crate) const HEADER: Table = Table {
    heading: "feeds.header",
    meaning: "An API key in a header.",
    settings: &[
        setting("name", "string", Required, "\"X-API-Key\"", "The header's name."),
        setting("value", "secret", Required, "{ env = \"PARTNER_KEY\" }", "The key."),
    ],
};

pub(crate) const SECRET: Table = Table {
    heading: "secret",
    meaning: "Where a secret is found: one of the two. At most 64 KiB; one trailing newline is dropped.",
    settings: &[
        setting(
            "env",
            "string",
            Absent,
            "\"PARTNER_PASSWORD\"",
            "The name of an environment variable.",
        ),
        setting(
            "file",
            "path",
            Absent,
            "\"/run/secrets/partner\"",
            "A file, which only its owner should be able to read.",
        ),
    ],
};

pub(crate) const BLACKLIST: Table = Table {
    heading: "[blacklist]",
    meaning: "What is compiled, and when a result is not trusted.",
    settings: &[
        setting(
            "name",
            "string",
            Is("\"default\""),
            "\"office\"",
            "The blacklist's name, as events show it.",
        ),
        setting(
            "accept_special",
            "boolean",
            Is("false"),
            "true",
            "Take private, loopback and other special-purpose networks and names too.",
        ),
        setting(
            "accept_broad",
            "boolean",
            Is("false"),
            "true",
            "Take networks wider than /8 (IPv4) or /19 (IPv6) too.",
        ),
        setting(
            "max_shrink",
            "share, 0 to 1",
            Is("0.5"),
            "0.3",
            "Largest share of its entries that may leave from one generation to the next.",
        ),
        setting(
            "canaries",
            "list of strings",
            Is("[]"),
            "[\"known-bad.example\"]",
            "Values that every generation has to match.",
        ),
        setting(
            "sign_key",
            "path",
            Absent,
            "\"sign.pem\"",
            "Sign blacklists with this Ed25519 key (PKCS#8 PEM).",
        ),
    ],
};

pub(crate) const MATCHING: Table = Table {
    heading: "[matching]",
    meaning: "Which matches count.",
    settings: &[
        setting(
            "min_confidence",
            "integer, 0 to 100",
            Is("0"),
            "50",
            "Only indicators of at least this confidence; those that say none count.",
        ),
        setting(
            "max_tlp",
            "TLP level",
            Is("\"RED\""),
            "\"AMBER\"",
            "Only indicators marked at most so.",
        ),
        setting(
            "partial",
            "boolean",
            Is("false"),
            "true",
            "Count partial matches too: a URL listed with its query, in a log that leaves queries out; \
         a word of free text that may be a file's name (`backup.zip`).",
        ),
        setting(
            "exact",
            "boolean",
            Is("false"),
            "true",
            "Only what is listed itself: no hosts below a listed domain.",
        ),
    ],
};

pub(crate) const LOG: Table = Table {
    heading: "[[logs]]",
    meaning: "Logs that are followed.",
    settings: &[
        setting("name", "string", Required, "\"proxy\"", "The source's name, unique."),
        setting(
            "paths",
            "list of paths",
            Required,
            "[\"/var/log/squid/access.log*\"]",
            "Files, folders, or patterns of such; rotated and compressed files too.",
        ),
        setting(
            "format",
            "\"auto\", \"squid\", \"combined\", \"ndjson\", \"zeek\", \"lines\" or \"text\"",
            Is("\"auto\""),
            "\"squid\"",
            "The format; `auto` tells it by each file's first lines.",
        ),
        setting(
            "fields",
            "list of strings",
            Absent,
            "[\"dns.query\"]",
            "Look at these fields only, by name in NDJSON or Zeek logs; absent: those known to hold observables.",
        ),
    ],
};

pub(crate) const HISTORY: Table = Table {
    heading: "[history]",
    meaning: "How far back, and for how long, logs are matched again for new indicators.",
    settings: &[
        setting(
            "window",
            "duration",
            Is("\"90d\""),
            "\"30d\"",
            "Older lines are not matched, neither when first met nor again.",
        ),
        setting(
            "budget",
            "duration",
            Is("\"10m\""),
            "\"5m\"",
            "Longest time of one round spent on history; the rest waits for the next.",
        ),
    ],
};

pub(crate) const OUTPUT: Table = Table {
    heading: "[output]",
    meaning: "Where flagged events go.",
    settings: &[
        setting(
            "file",
            "path",
            Absent,
            "\"/var/log/threatsieve/matches.ndjson\"",
            "NDJSON, appended to; `matches.ndjson` in the state's folder unless given.",
        ),
        setting(
            "mode",
            "octal mode",
            Is("\"0640\""),
            "\"0644\"",
            "The file's mode. The owner must be able to read and write.",
        ),
        setting(
            "group",
            "name or number of a group",
            Absent,
            "\"adm\"",
            "The file's group, for log shippers; absent: the group of the user who runs the program, or of the folder.",
        ),
        setting(
            "flag_field",
            "string",
            Is("\"indicator\""),
            "\"\"",
            "The flag's field; empty writes none.",
        ),
        setting("flag_value", "string", Is("\"matched\""), "\"listed\"", "The flag's value."),
        setting(
            "max_tlp",
            "TLP level",
            Is("\"AMBER\""),
            "\"GREEN\"",
            "The strictest marking that may be written into events.",
        ),
    ],
};

pub(crate) const ALERTS: Table = Table {
    heading: "[alerts]",
    meaning: "Who is told, and how: `folder` or `[alerts.smtp]`, one of the two.",
    settings: &[
        setting("from", "mail address", Required, "\"threatsieve@example.org\"", "The sender."),
        setting(
            "recipients",
            "list of mail addresses or tables",
            Required,
            "[\"soc@example.org\", { address = \"ciso@example.org\", max_tlp = \"RED\" }]",
            "Who is told; `max_tlp` is the strictest marking that the reader may see, AMBER unless given.",
        ),
        setting(
            "operators",
            "list of mail addresses",
            Absent,
            "[\"operators@example.org\"]",
            "Who gets mails about the service itself: a dead feed, a full disk; absent: all `recipients`.",
        ),
        setting(
            "folder",
            "path",
            Absent,
            "\"mails\"",
            "Write one `.eml` file a mail into this folder.",
        ),
        setting(
            "smtp",
            "table",
            Absent,
            "{ host = \"mail.example.org\" }",
            "Send by a mail server; see `[alerts.smtp]`.",
        ),
        setting(
            "max_groups",
            "integer, 1 to 10000",
            Is("50"),
            "20",
            "Indicators and source hosts shown in one mail; more are counted.",
        ),
        setting(
            "max_examples",
            "integer, 0 to 100",
            Is("3"),
            "5",
            "Example events shown for one indicator.",
        ),
        setting(
            "give_up_after",
            "duration",
            Is("\"5d\""),
            "\"1d\"",
            "How long a mail that cannot be delivered is tried again.",
        ),
    ],
};

pub(crate) const RECIPIENT: Table = Table {
    heading: "alerts.recipients",
    meaning: "A recipient with a ceiling of its own.",
    settings: &[
        setting("address", "mail address", Required, "\"ciso@example.org\"", "Who is told."),
        setting(
            "max_tlp",
            "TLP level",
            Is("\"AMBER\""),
            "\"RED\"",
            "The strictest marking that this reader may see.",
        ),
    ],
};

pub(crate) const SMTP: Table = Table {
    heading: "[alerts.smtp]",
    meaning: "The mail server.",
    settings: &[
        setting("host", "string", Required, "\"mail.example.org\"", "Its name."),
        setting(
            "port",
            "integer, 1 to 65535",
            Absent,
            "587",
            "Its port; 587 for starttls, 465 for implicit, 25 for none unless given.",
        ),
        setting(
            "tls",
            "\"starttls\", \"implicit\" or \"none\"",
            Is("\"starttls\""),
            "\"implicit\"",
            "RFC 3207, RFC 8314 section 3.3, or nothing (for servers on this machine).",
        ),
        setting("user", "string", Absent, "\"threatsieve\"", "The account; needs `password`."),
        setting(
            "password",
            "secret",
            Absent,
            "{ file = \"/run/secrets/smtp\" }",
            "Its password; needs `user`.",
        ),
        CA_FILES,
        setting(
            "allow_plaintext",
            "boolean",
            Is("false"),
            "true",
            "With `tls = \"none\"`, take a server beyond this machine too: mails and password then cross the network in the clear.",
        ),
        setting("timeout", "duration", Is("\"30s\""), "\"10s\"", "Longest wait for an answer."),
    ],
};

pub(crate) const OPENSEARCH: Table = Table {
    heading: "[opensearch]",
    meaning: "The OpenSearch cluster whose ingest nodes match events by the plugin. It is connected to directly, without a proxy. The blacklist has the same name there as here.",
    settings: &[
        setting(
            "hosts",
            "list of URLs",
            Required,
            "[\"https://node1.example.org:9200\", \"https://node2.example.org:9200\"]",
            "Nodes of one cluster, tried in turn. Without credentials in them.",
        ),
        setting(
            "push",
            "boolean",
            Is("true"),
            "false",
            "Push each new generation in `poll` and `run`; without, `threatsieve push` alone does.",
        ),
        setting(
            "user",
            "string",
            Absent,
            "\"threatsieve\"",
            "Name for basic authentication; needs `password`.",
        ),
        setting(
            "password",
            "secret",
            Absent,
            "{ file = \"/run/secrets/opensearch\" }",
            "Password for basic authentication; needs `user`.",
        ),
        setting(
            "api_key",
            "secret",
            Absent,
            "{ env = \"OPENSEARCH_API_KEY\" }",
            "An API key, encoded as the server gave it: sent as `Authorization: ApiKey ...`.",
        ),
        setting(
            "client_certificate",
            "path",
            Absent,
            "\"client.pem\"",
            "Certificate (PEM) shown to the server; needs `client_key`.",
        ),
        setting(
            "client_key",
            "path",
            Absent,
            "\"client.key\"",
            "The certificate's private key (PEM).",
        ),
        CA_FILES,
        setting(
            "connect_timeout",
            "duration",
            Is("\"10s\""),
            "\"3s\"",
            "Longest wait for a host's first answer, before the next one is tried.",
        ),
        setting(
            "timeout",
            "duration",
            Is("\"2m\""),
            "\"5m\"",
            "Longest time for one request with its answer.",
        ),
        setting(
            "node_timeout",
            "duration",
            Is("\"60s\""),
            "\"3m\"",
            "How long a push waits for the nodes to load; those that take longer go on by themselves, and the next round looks again.",
        ),
        setting(
            "max_request",
            "size",
            Is("\"64MiB\""),
            "\"16MiB\"",
            "Largest blacklist sent in one request, less than the server's `http.max_content_length`; larger ones go in parts.",
        ),
    ],
};

pub(crate) const HEALTH: Table = Table {
    heading: "[health]",
    meaning: "When something counts as wrong. `status` lists it, `poll` ends with another exit code than 0, and \
              operators get a mail when it begins and when it ends.",
    settings: &[
        setting(
            "feed_dead_after",
            "duration",
            Is("\"24h\""),
            "\"12h\"",
            "A feed that has failed for this long is dead; at least twice its `every`.",
        ),
        setting(
            "stuck_after",
            "duration",
            Is("\"1h\""),
            "\"30m\"",
            "A mail or a blacklist that has waited this long for its server is stuck.",
        ),
        setting(
            "max_clock_jump",
            "duration",
            Is("\"1d\""),
            "\"12h\"",
            "If the clock moved further since the last round, the round does nothing until a second round or `poll --accept-clock` confirms the time.",
        ),
    ],
};

pub(crate) const RETENTION: Table = Table {
    heading: "[retention]",
    meaning: "How much of the past the state keeps. It is cleared once a day.",
    settings: &[
        setting(
            "rejections",
            "integer, 0 to 10000",
            Is("10000"),
            "1000",
            "Rejected values kept of each feed's deliveries, and of each feed in the last build; more are counted only.",
        ),
        setting(
            "events",
            "integer, 1000 to 100000000",
            Is("1000000"),
            "100000",
            "Flagged events kept; the oldest go first, and all that are older than `history.window`.",
        ),
        setting(
            "mails",
            "duration",
            Is("\"30d\""),
            "\"7d\"",
            "Age of mails that were sent or given up. What was sent keeps no text.",
        ),
        setting(
            "generations",
            "integer, 1 to 100",
            Is("3"),
            "10",
            "Blacklists kept, the one in use among them.",
        ),
        setting("rounds", "integer, 1 to 100000", Is("1000"), "100", "Reports of rounds kept."),
    ],
};

pub(crate) const LOGGING: Table = Table {
    heading: "[logging]",
    meaning: "The program's own log, on standard error. `THREATSIEVE_LOG` (`debug`, `threatsieve=trace`) overrides the level.",
    settings: &[
        setting(
            "level",
            "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            Is("\"info\""),
            "\"debug\"",
            "The least severe messages written.",
        ),
        setting(
            "format",
            "\"text\" or \"json\"",
            Is("\"text\""),
            "\"json\"",
            "Lines for people, or one JSON object a line.",
        ),
    ],
};

/// All tables, in the order of the reference.
pub(crate) const TABLES: [&Table; 18] = [
    &TOP,
    &SCHEDULE,
    &HTTP,
    &FEED,
    &HEADER,
    &SECRET,
    &BLACKLIST,
    &MATCHING,
    &LOG,
    &HISTORY,
    &OUTPUT,
    &ALERTS,
    &RECIPIENT,
    &SMTP,
    &OPENSEARCH,
    &HEALTH,
    &RETENTION,
    &LOGGING,
];
