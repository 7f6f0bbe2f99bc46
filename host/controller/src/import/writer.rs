//! Writing of a configuration, with comments.

use std::fmt::Write as _;
use std::path::Path;

/// A configuration that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    /// Lines are written as comments: the current table is switched off.
    is_off: bool,
}

impl Writer {
    /// Writes a comment of any number of lines.
    pub(super) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            self.text.push_str(format!("# {line}").trim_end());
            self.text.push('\n');
        }
    }

    /// Starts a table. A table that is switched off is a comment, with all of its settings.
    pub(super) fn table(&mut self, heading: &str, is_off: bool) {
        self.is_off = is_off;
        self.text.push('\n');
        self.line(heading);
    }

    /// Writes a setting.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    /// Writes a setting that is switched off, with the reason.
    pub(super) fn off(&mut self, key: &str, value: &str, why: &str) {
        self.comment(why);
        _ = writeln!(self.text, "#{key} = {value}");
    }

    fn line(&mut self, line: &str) {
        let off = if self.is_off { "#" } else { "" };
        _ = writeln!(self.text, "{off}{line}");
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Writes a string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\U{:08X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a path.
pub(super) fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// Writes the place of a secret.
pub(super) fn secret(file: &Path) -> String {
    format!("{{ file = {} }}", path(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_as_it_was() {
        for text in
            ["", "a", "\"\\", "a\nb\t\u{0}\u{7f}\u{85}", "caf\u{e9}", "'''", "#", "a = \"b\""]
        {
            let read: toml::Table = toml::from_str(&format!("a = {}", quoted(text))).unwrap();
            assert_eq!(read["a"].as_str(), Some(text));
        }
        let mut writer = Writer::default();
        writer.table("[a]", true);
        writer.set("b", "1");
        writer.table("[c]", false);
        writer.comment("x\u{7}\ny = 1");
        writer.off("d", "1", "no\nd");
        assert_eq!(writer.finish(), "\n#[a]\n#b = 1\n\n[c]\n# x\n# y = 1\n# no\n# d\n#d = 1\n");
    }
}
