//! Names of files for packages of STIX 1.x.

/// Longest name without its ending, in bytes. A temporary file's name is longer.
const MAX_BYTES: usize = 180;

/// Number of hexadecimal digits that tell apart ids with the same name.
const MARK_DIGITS: usize = 16;

/// Names that Windows gives to devices, with any ending and in any case. Those with a number follow
/// from the first two.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
const NUMBERED: [&str; 2] = ["com", "lpt"];

/// Returns the name of a package's file: its id, with `:` as `-`. If that is not safe on every
/// system, or on a further attempt, a part is replaced, and a digest of the id makes it unique.
pub(crate) fn package_file_name(id: &str, attempt: u32) -> String {
    let safe = safe(id);
    if attempt == 0 && safe == id.replace(':', "-") {
        return safe + ".xml";
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes());
    if attempt > 0 {
        hasher.update(&[0]).update(&attempt.to_le_bytes());
    }
    let digest = hasher.finalize().to_hex();
    format!("{safe}-{}.xml", &digest[..MARK_DIGITS])
}

/// Returns the start of a name that is safe: ASCII letters, digits, `.`, `_` and `-`; not hidden,
/// no option of a command, no device.
fn safe(id: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut name: String =
        id.chars().map(|c| if is_safe(c) { c } else { '-' }).take(MAX_BYTES).collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    if is_device(&name) {
        name.insert(0, '_');
        name.truncate(MAX_BYTES);
    }
    name
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let is_numbered = |device: &str| {
        let number = stem.strip_prefix(device).map(str::as_bytes);
        matches!(number, Some([digit]) if digit.is_ascii_digit())
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED.into_iter().any(is_numbered)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_ordinary_id_is_named_as_the_old_service_did() {
        for (id, name) in [
            (
                "example:Package-33fe3b22-0201-47cf-85d0-97c02164528d",
                "example-Package-33fe3b22-0201-47cf-85d0-97c02164528d.xml",
            ),
            ("guest.Abuse_ch:STIXPackage-1.2_a", "guest.Abuse_ch-STIXPackage-1.2_a.xml"),
            ("a:b:c", "a-b-c.xml"),
            ("blake3:00ff", "blake3-00ff.xml"),
            ("console:1", "console-1.xml"),
        ] {
            assert_eq!(package_file_name(id, 0), name);
        }
    }

    #[test]
    fn every_name_is_safe_and_unique() {
        let long = "x".repeat(1000);
        let longer = "x".repeat(1001);
        let accents = "\u{e9}".repeat(500);
        let ids = [
            "../../etc/passwd",
            "..",
            ".",
            ".hidden",
            "-rf",
            ":a",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            "con",
            "CON",
            "nul.txt",
            "Com1",
            "lpt0.x",
            "aux:1",
            "a b",
            "a*b",
            "a?b",
            "caf\u{e9}",
            "cafe\u{301}",
            "\u{202e}abc",
            "",
            &long,
            &longer,
            &accents,
        ];
        let mut names = HashSet::new();
        for id in ids {
            for attempt in 0..3 {
                let name = package_file_name(id, attempt);
                assert!(names.insert(name.to_lowercase()), "{id:?} {name}");
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
                assert!(name.len() <= MAX_BYTES + 1 + MARK_DIGITS + 4, "{name}");
                assert!(!name.starts_with(['.', '-']) || id.is_empty(), "{name}");
                assert!(!is_device(&name), "{name}");
                assert!(name.ends_with(".xml"), "{name}");
            }
        }
    }
}
