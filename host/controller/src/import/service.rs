//! The setting that each property of the service becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use url::Url;

use super::decrypt::decrypt;
use super::folder::Folder;
use super::properties::Properties;
use super::tracked::Tracked;
use super::writer::{Writer, path, quoted, secret};
use super::{Findings, Import, MISP, Places, reasons};
use crate::config::{ClientCertificate, Secret, is_loopback};
use crate::network::tls_config;
use crate::text::{clipped, parse_time, rfc3339};

/// The service's default interval, in minutes.
const DEFAULT_MINUTES: u32 = 2;
/// Longest interval: a year, in minutes.
const MAX_MINUTES: u32 = 366 * 24 * 60;

/// The key that the service ships as an example. It belongs to nobody.
const EXAMPLE_KEY: &str = "6sWXu0zJ7iUh1MPw9LKECUiczUSSAUKiycIsioPr";

/// Longest part of a value that a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

const MISP_KEY: &str = "misp.key";
const OTHER_MISP_KEY: &str = "misp-decrypted.key";
const CLIENT_PASSWORD: &str = "client-keystore.password";
const SERVER_PASSWORD: &str = "server-keystore.password";
pub(crate) const SERVER_TOKEN: &str = "server.token";

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

pub(super) fn import(folder: &Path, places: &Places<'_>) -> anyhow::Result<Import> {
    let mut found = Folder::new(folder)?;
    let (file, config) = found.properties("config.properties")?.with_context(|| {
        let shown = folder.display();
        format!("{shown}: expected config.properties in it or in its folder config, got none")
    })?;
    if let Some(base) = config.get("stixtransclient.client.basedir") {
        found.set_base(base);
    }
    let mut findings = Findings { read: vec![file], ..Findings::default() };
    let application = match found.properties("application.properties")? {
        Some((file, application)) => {
            findings.read.push(file);
            application
        }
        None => {
            findings.missing.push("application.properties: there is no such file".to_owned());
            Properties::default()
        }
    };
    let service = Service {
        folder: found,
        config,
        application,
        places,
        writer: Writer::default(),
        secrets: Vec::new(),
        findings,
        used: BTreeSet::new(),
        unused: BTreeMap::new(),
    };
    service.import(folder)
}

/// The import that is under way.
struct Service<'a> {
    folder: Folder,
    config: Properties,
    application: Properties,
    places: &'a Places<'a>,
    writer: Writer,
    secrets: Vec<(&'static str, Secret)>,
    findings: Findings,
    /// Properties that were used.
    used: BTreeSet<&'static str>,
    /// Reasons why properties were not used.
    unused: BTreeMap<&'static str, &'static str>,
}

/// The processes of the service's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    XmlOutput,
    StixToMisp,
}

/// The MISP server.
struct Server {
    /// `None` if the service had no usable URL.
    url: Option<Url>,
    has_key: bool,
}

impl Server {
    fn is_whole(&self) -> bool {
        self.url.is_some() && self.has_key
    }
}

impl Service<'_> {
    fn import(mut self, from: &Path) -> anyhow::Result<Import> {
        self.writer.comment(&format!(
            "Imported from {} by `threatsieve config import`; see docs/migrating.md.\n\
             A line that starts with `#` and no space is a setting that is switched off.",
            from.display()
        ));
        self.writer.set("state", &path(self.places.state));
        self.schedule();
        let server = self.misp_server();
        self.http(&server);
        let feed = self.feed(&server);
        self.misp(&server);
        self.server()?;
        self.logging();
        let tracked = self.tracked();
        self.list_unused();
        let Service { writer, secrets, mut findings, used, .. } = self;
        findings.used = used.len();
        Ok(Import { text: writer.finish(), secrets, feed, tracked, findings })
    }

    /// Returns a property of `config.properties`, which then counts as used.
    fn config(&mut self, key: &'static str) -> Option<String> {
        let value = self.config.get(key)?.to_owned();
        self.used.insert(key);
        Some(value)
    }

    /// Returns a property of `application.properties`, which then counts as used.
    fn application(&mut self, key: &'static str) -> Option<String> {
        let value = self.application.get(key)?.to_owned();
        self.used.insert(key);
        if value.contains("${") {
            self.missing(
                key,
                "the Java framework replaces ${...} in it, and this program does not",
            );
            return None;
        }
        Some(value)
    }

    /// Notes that a property is not used after all.
    fn unused(&mut self, key: &'static str, why: &'static str) {
        self.used.remove(key);
        if self.config.raw(key).or(self.application.raw(key)).is_some() {
            self.unused.insert(key, why);
        }
    }

    fn missing(&mut self, key: &str, why: &str) {
        self.findings.missing.push(format!("{key}: {why}"));
    }

    fn unfit(&mut self, key: &str, expected: &str, got: &str) {
        let got = clipped(got.as_bytes(), SHOWN_CHARS);
        self.missing(key, &format!("expected {expected}, got {got:?}"));
    }

    fn add_to_do(&mut self, what: impl Into<String>) {
        self.findings.to_do.push(what.into());
    }

    /// Keeps a secret, and returns its place for the configuration.
    fn secret(&mut self, name: &'static str, value: Secret) -> String {
        self.secrets.push((name, value));
        secret(&self.places.secrets.join(name))
    }

    fn schedule(&mut self) {
        let given = self.config("mtc.quartz.frequency");
        let minutes = given.as_deref().map_or(Some(DEFAULT_MINUTES), |text| text.parse().ok());
        let minutes = minutes.filter(|minutes| (1..=MAX_MINUTES).contains(minutes));
        if minutes.is_none() {
            self.unfit("mtc.quartz.frequency", "minutes", given.as_deref().unwrap_or_default());
        }
        self.writer.table("[schedule]", false);
        let minutes = minutes.unwrap_or(DEFAULT_MINUTES);
        self.writer.set("every", &quoted(&format!("{minutes}m")));
    }

    fn http(&mut self, server: &Server) {
        let mut settings = Vec::new();
        for (key, setting) in [("ctimeout", "connect_timeout"), ("rtimeout", "idle_timeout")] {
            let Some(text) = self.application(key) else { continue };
            match text.parse::<u64>().ok().filter(|ms| (1..=3_600_000).contains(ms)) {
                Some(ms) => {
                    let time = humantime::format_duration(Duration::from_millis(ms)).to_string();
                    settings.push((setting, quoted(&time)));
                }
                None => self.unfit(key, "milliseconds, up to an hour", &text),
            }
        }
        let is_open = |url: &Url| url.scheme() == "http" && !is_loopback(url);
        if server.url.as_ref().is_some_and(is_open) {
            settings.push(("allow_plain_http", "true".to_owned()));
            self.add_to_do(
                "MISP is asked over plain http, so its key can be read on the way: use https, and \
                 remove `allow_plain_http`",
            );
        }
        if !settings.is_empty() {
            self.writer.table("[http]", false);
            settings.iter().for_each(|(key, value)| self.writer.set(key, value));
        }
    }

    /// Returns the URL in a property, without credentials.
    fn url(&mut self, key: &'static str) -> Option<Url> {
        let Some(text) = self.config(key) else {
            self.missing(key, "it is not set");
            return None;
        };
        let url = Url::parse(&text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(mut url) = url else {
            // It may hold credentials all the same.
            self.missing(key, "expected an http or https URL, got another text");
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            self.missing(key, "the URL has credentials, which the service did not use: left out");
        }
        Some(url)
    }

    /// Writes the feed. Returns its name.
    fn feed(&mut self, server: &Server) -> String {
        let url = self.url("stixtransclient.poll.baseurl");
        // Earlier versions had the address of the server and that of its poll service.
        let earlier = "stixtransclient.poll.url";
        let is_server = url.as_ref().is_some_and(|url| url.path() == "/");
        let has_earlier = is_server && self.config.get(earlier).is_some();
        let poll_url = if has_earlier { self.url(earlier) } else { None };
        let collection = self.config("stixtransclient.source.collection");
        let name = collection.clone().unwrap_or_else(|| "taxii".to_owned());
        let since = self.since();
        self.writer.table("[[feeds]]", url.is_none());
        self.writer.set("name", &quoted(&name));
        self.writer.set("type", &quoted("taxii1"));
        let shown = url.as_ref().map_or("https://taxii.example.org/poll", Url::as_str);
        self.writer.set("url", &quoted(shown));
        // The service asks the poll service only.
        let poll_url = poll_url.as_ref().map_or(shown, Url::as_str);
        self.writer.set("poll_url", &quoted(poll_url));
        if let Some(collection) = &collection {
            self.writer.set("collection", &quoted(collection));
        }
        if let Some(since) = since {
            self.writer.set("since", &since);
        }
        self.writer.comment("The service passed on everything that came.");
        self.writer.set("may_be_empty", "true");
        self.writer.set("max_bad", "1.0");
        self.writer.set("max_shrink", "1.0");
        self.client_certificate();
        self.destinations(server);
        name
    }

    fn since(&mut self) -> Option<String> {
        let text = self.config("mtc.start.time")?;
        let since = parse_time(&text).map(rfc3339);
        if since.is_none() {
            self.unfit("mtc.start.time", "a time (2022-07-12T00:00:00Z)", &text);
        }
        since
    }

    /// Writes where packages go.
    fn destinations(&mut self, server: &Server) {
        let process = match self.config("mtc.processtype").as_deref() {
            Some("stixToMisp") => Some(Process::StixToMisp),
            Some("xmlOutput") => Some(Process::XmlOutput),
            Some(other) => {
                self.unfit("mtc.processtype", "stixToMisp or xmlOutput", other);
                None
            }
            None => {
                self.missing("mtc.processtype", "it is not set");
                None
            }
        };
        let publish = self.config("stixtransclient.misp.published");
        let publish = publish.is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let target =
            format!("[{{ server = {}, way = \"stix\", publish = {publish} }}]", quoted(MISP));
        match process {
            Some(Process::StixToMisp) if server.is_whole() => self.writer.set("misp", &target),
            Some(Process::StixToMisp) => {
                self.writer.off("misp", &target, "Needs the server below.");
            }
            _ => self.writer.off("misp", &target, "The schedule did not send to MISP."),
        }
        let old = "stixtransclient.destination.directory";
        let folder = self.config("mtc.destination.directory").or_else(|| self.config(old));
        let Some(folder) = folder else {
            if process == Some(Process::XmlOutput) {
                self.missing("mtc.destination.directory", "it is not set");
            }
            return;
        };
        // Without a slash at its end.
        let folder: PathBuf = self.folder.absolute(Path::new(&folder)).components().collect();
        if process == Some(Process::XmlOutput) {
            self.writer.set("packages_to", &path(&folder));
            if !folder.is_dir() {
                let shown = folder.display();
                self.add_to_do(format!("make the folder {shown}, to which packages are written"));
            }
        } else {
            let why = "The schedule did not write packages to files.";
            self.writer.off("packages_to", &path(&folder), why);
        }
    }

    /// Writes the certificate that the TAXII server is shown.
    fn client_certificate(&mut self) {
        let (store, auth) = ("client.ssl.key-store", "2way.ssl.auth");
        let (certificate, key) = ("stixtransclient.client.cert", "stixtransclient.client.key");
        let is_two_way =
            self.application(auth).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let pem = self.config(certificate).zip(self.config(key));
        if is_two_way && let Some(named) = self.application(store) {
            let keystore = self.folder.file(&named);
            // The service opens the client's store with the password of the server's key.
            let password = self.application("server.ssl.key-password");
            match (keystore, password) {
                (Some(file), Some(password)) => {
                    let password = Secret::new(password);
                    self.check(&ClientCertificate::Pkcs12 {
                        file: file.clone(),
                        password: password.clone(),
                    });
                    self.writer.set("client_keystore", &path(&file));
                    let place = self.secret(CLIENT_PASSWORD, password);
                    self.writer.set("client_keystore_password", &place);
                    let why = "`client.ssl.key-store` has the certificate";
                    [certificate, key].into_iter().for_each(|key| self.unused(key, why));
                    return;
                }
                (None, _) => {
                    self.writer.off("client_keystore", &quoted(&named), "There is no such file.");
                    let shown = clipped(named.as_bytes(), SHOWN_CHARS);
                    self.missing(store, &format!("there is no file {shown:?}"));
                }
                (_, None) => self.missing("server.ssl.key-password", "it is not set"),
            }
        }
        if !is_two_way {
            self.unused(store, "`2way.ssl.auth` is not true, so the service did not show it");
        }
        let Some((certificate_named, key_named)) = pem else { return };
        let files = self.folder.file(&certificate_named).zip(self.folder.file(&key_named));
        if let Some((certificate, key)) = files {
            if !is_two_way {
                self.writer.comment("Shown to a server that asks for one; the service did not.");
            }
            self.check(&ClientCertificate::Pem {
                certificate: certificate.clone(),
                key: key.clone(),
            });
            self.writer.set("client_certificate", &path(&certificate));
            self.writer.set("client_key", &path(&key));
            return;
        }
        let why = "There are no such files.";
        self.writer.off("client_certificate", &quoted(&certificate_named), why);
        self.writer.off("client_key", &quoted(&key_named), why);
        for (property, named) in [(certificate, certificate_named), (key, key_named)] {
            if self.folder.file(&named).is_none() {
                let shown = clipped(named.as_bytes(), SHOWN_CHARS);
                self.missing(property, &format!("there is no file {shown:?}"));
            }
        }
    }

    /// Notes a certificate that cannot be used.
    fn check(&mut self, certificate: &ClientCertificate) {
        if let Err(error) = tls_config(&[], Some(certificate)) {
            self.findings.missing.push(format!("{error:#}"));
        }
    }

    /// Finds the MISP server and its key.
    fn misp_server(&mut self) -> Server {
        let key = "misptransclient.post.baseurl";
        let mut url = self.url(key);
        if let Some(url) = &mut url {
            // The service appends `upload_stix` and `publish/NUMBER`.
            let base = url.path().trim_end_matches('/').strip_suffix("events").map(str::to_owned);
            match base {
                Some(base) => url.set_path(&base),
                None => self.missing(key, "expected a URL that ends with /events/, got another"),
            }
            url.set_query(None);
            url.set_fragment(None);
        }
        let chosen = self.misp_key();
        let has_key = chosen.is_some();
        if let Some(value) = chosen {
            self.secrets.push((MISP_KEY, value));
        }
        Server { url, has_key }
    }

    /// Returns the key that counts. The service sends `misp.authorization.key` as it is.
    fn misp_key(&mut self) -> Option<Secret> {
        let plain = self.config("misp.authorization.key");
        let is_usable = |text: &String| text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if plain.as_ref().is_some_and(|text| !is_usable(text)) {
            self.missing(
                "misp.authorization.key",
                "expected printable ASCII, got other characters",
            );
        }
        let plain = plain.filter(is_usable);
        let decrypted = self.decrypted();
        let Some(decrypted) = decrypted else {
            match &plain {
                None => self.missing("misp.authorization.key", "there is no key for MISP"),
                Some(plain) if plain == EXAMPLE_KEY => self.add_to_do(format!(
                    "write the key of MISP to {MISP_KEY}: the one of `misp.authorization.key` is \
                     the example that the service ships"
                )),
                Some(_) => {}
            }
            return plain.map(Secret::new);
        };
        match plain {
            Some(plain) if plain != EXAMPLE_KEY && plain != decrypted.expose() => {
                self.secrets.push((OTHER_MISP_KEY, decrypted));
                self.add_to_do(format!(
                    "compare two keys of MISP: {MISP_KEY} is `misp.authorization.key`, which the \
                     service sends; {OTHER_MISP_KEY} is `stixtransclient.misp.key`"
                ));
                Some(Secret::new(plain))
            }
            Some(plain) if plain == EXAMPLE_KEY => {
                let why = "it is the example that the service ships; the decrypted \
                           `stixtransclient.misp.key` is used";
                self.unused("misp.authorization.key", why);
                Some(decrypted)
            }
            _ => Some(decrypted),
        }
    }

    fn decrypted(&mut self) -> Option<Secret> {
        let key = "stixtransclient.misp.key";
        let encrypted = self.config(key)?;
        // White space at the end of a value counts in Java.
        let raw = |properties: &Properties, key: &str| properties.raw(key).map(str::to_owned);
        let (password, salt) = (raw(&self.config, "encKey"), raw(&self.config, "salt"));
        let (Some(password), Some(salt)) = (password, salt) else {
            self.missing(key, "cannot be decrypted: `encKey` or `salt` is not set");
            return None;
        };
        self.used.extend(["encKey", "salt"]);
        decrypt(&encrypted, &password, &salt)
            .map_err(|error| self.missing(key, &error.to_string()))
            .ok()
    }

    fn misp(&mut self, server: &Server) {
        self.writer.table("[[misp]]", !server.is_whole());
        self.writer.set("name", &quoted(MISP));
        let shown = server.url.as_ref().map_or("https://misp.example.org", Url::as_str);
        self.writer.set("url", &quoted(shown));
        let place = secret(&self.places.secrets.join(MISP_KEY));
        self.writer.set("key", &place);
        if server.is_whole() {
            self.add_to_do(
                "see `distribution` of the feed's `misp`: the service left it to MISP's default, \
                 and now only your organisation can read the events",
            );
        }
    }

    /// Writes the HTTP server.
    fn server(&mut self) -> anyhow::Result<()> {
        let port = self.application("server.port");
        let port_number = port.as_deref().map_or(Some(8080), |text| text.parse::<u16>().ok());
        if port_number.is_none() {
            self.unfit("server.port", "a port", port.as_deref().unwrap_or_default());
        }
        let identity = self.server_identity();
        let is_off = port.is_none() && identity.is_none();
        self.writer.table("[server]", is_off);
        let port = port_number.unwrap_or(8443);
        let address = if identity.is_some() { "0.0.0.0" } else { "127.0.0.1" };
        self.writer.set("listen", &quoted(&format!("{address}:{port}")));
        if let Some((file, password)) = identity {
            self.writer.set("keystore", &path(&file));
            let place = self.secret(SERVER_PASSWORD, password);
            self.writer.set("keystore_password", &place);
        } else if !is_off {
            self.add_to_do(
                "without a certificate, the server answers on this machine only, over plain http: \
                 see `certificate` or `keystore` of [server]",
            );
        }
        let token = self.places.secrets.join(SERVER_TOKEN);
        self.writer.set("token", &secret(&token));
        if !is_off {
            self.secrets.push((SERVER_TOKEN, new_token()?));
            self.add_to_do(format!(
                "add a header to each request of your scripts, because the service had no \
                 authentication: curl --header \"Authorization: Bearer $(cat {})\"; or set \
                 `client_ca_files` of [server], and let them show a client certificate",
                token.display()
            ));
        }
        Ok(())
    }

    /// Finds the server's certificate.
    fn server_identity(&mut self) -> Option<(PathBuf, Secret)> {
        let store = "server.ssl.key-store";
        let named = self.application(store)?;
        let kind = self.application("server.ssl.key-store-type");
        if let Some(kind) = kind.filter(|kind| !kind.eq_ignore_ascii_case("PKCS12")) {
            self.unfit("server.ssl.key-store-type", "PKCS12", &kind);
            return None;
        }
        let Some(password) = self.application("server.ssl.key-store-password") else {
            self.missing("server.ssl.key-store-password", "it is not set");
            return None;
        };
        let Some(file) = self.folder.file(&named) else {
            let shown = clipped(named.as_bytes(), SHOWN_CHARS);
            self.missing(store, &format!("there is no file {shown:?}"));
            return None;
        };
        let password = Secret::new(password);
        self.check(&ClientCertificate::Pkcs12 { file: file.clone(), password: password.clone() });
        Some((file, password))
    }

    fn logging(&mut self) {
        self.writer.table("[logging]", false);
        let key = "logging.level.root";
        if let Some(text) = self.application(key) {
            let level = match text.to_ascii_lowercase().as_str() {
                "fatal" => Some("error"),
                "off" | "false" => Some("off"),
                known => {
                    ["error", "warn", "info", "debug", "trace"].into_iter().find(|l| *l == known)
                }
            };
            match level {
                Some(level) => self.writer.set("level", &quoted(level)),
                None => self.unfit(key, "a level", &text),
            }
        }
        let key = "logging.file.name";
        let Some(named) = self.application(key) else { return };
        let named = PathBuf::from(named);
        let folder = named.parent().and_then(|folder| self.folder.folder(folder));
        match folder.zip(named.file_name()) {
            Some((folder, name)) => self.writer.set("file", &path(&folder.join(name))),
            None => {
                let why = "Its folder does not exist.";
                self.writer.off("file", &path(&self.folder.absolute(&named)), why);
                self.missing(key, "its folder does not exist");
            }
        }
        let size = self.size("logging.file.max-size");
        if let Some(bytes) = size {
            let (count, unit) = match bytes {
                bytes if bytes.is_multiple_of(1 << 20) => (bytes >> 20, "MiB"),
                bytes if bytes.is_multiple_of(1 << 10) => (bytes >> 10, "KiB"),
                bytes => (bytes, "B"),
            };
            self.writer.set("max_file_size", &quoted(&format!("{count}{unit}")));
        }
        if let Some((all, one)) = self.size("logging.file.total-size-cap").zip(size) {
            self.writer.set("old_files", &(all / one).clamp(1, 100).to_string());
        }
    }

    /// Returns a size of the Java framework, where KB is 1024 bytes.
    fn size(&mut self, key: &'static str) -> Option<u64> {
        let text = self.application(key)?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" | "B" => Some(1),
            "KB" => Some(1 << 10),
            "MB" => Some(1 << 20),
            "GB" => Some(1 << 30),
            _ => None,
        };
        let bytes = digits.trim().parse::<u64>().ok().zip(unit);
        let bytes = bytes.and_then(|(count, unit)| count.checked_mul(unit)).filter(|all| *all > 0);
        if bytes.is_none() {
            self.unfit(key, "a size (1MB)", &text);
        }
        bytes
    }

    /// Reads the tracking file.
    fn tracked(&mut self) -> Option<Tracked> {
        let key = "mtc.tracking.datafile";
        let named = self.config(key);
        let file = named.as_deref().and_then(|named| self.folder.file(named));
        let Some(file) = file.or_else(|| self.folder.named("trackers.avro")) else {
            self.missing(key, "there is no such file, so no package counts as sent");
            return None;
        };
        let shown = file.display().to_string();
        let (tracked, damage) = match Tracked::read(&file) {
            Ok(read) => read,
            Err(error) => {
                self.findings.missing.push(format!("{shown}: {error:#}"));
                return None;
            }
        };
        self.findings.read.push(file);
        if let Some(damage) = damage {
            let count = tracked.0.len();
            self.findings.missing.push(format!(
                "{shown}: {damage:#}; the {count} packages before that count as sent"
            ));
        }
        Some(tracked)
    }

    /// Lists all properties that were not used.
    fn list_unused(&mut self) {
        for (file, properties) in
            [("config.properties", &self.config), ("application.properties", &self.application)]
        {
            for key in properties.keys().filter(|key| !self.used.contains(key)) {
                let why = match self.unused.get(key) {
                    Some(why) => why,
                    None if properties.get(key).is_none() => "it is empty",
                    None => reasons::why(key),
                };
                self.findings.unused.push((format!("{key} ({file})"), why.to_owned()));
            }
        }
    }
}

/// Makes a token.
fn new_token() -> anyhow::Result<Secret> {
    let mut bytes = [0; TOKEN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("no random bytes for a token"))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}
