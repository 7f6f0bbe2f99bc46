//! The definition of a setting, and the macros that make everything else from it.

use super::kinds::Describe;

/// One setting of a table.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// The type and the range.
    pub(crate) kind: &'static dyn Describe,
    pub(crate) presence: Presence,
    pub(super) example: &'static str,
    /// The description, in Markdown.
    pub(super) meaning: &'static str,
    /// The values of the table's key `type` to which the setting belongs; empty for all.
    pub(crate) only: &'static [&'static str],
    /// The setting that replaces this one: the file may give only one of the two.
    pub(super) excludes: Option<&'static str>,
}

impl Setting {
    /// A value, in TOML.
    pub(crate) fn example(&self) -> String {
        // `stringify` breaks long values into lines.
        self.example.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The description, in Markdown.
    pub(crate) fn meaning(&self) -> &'static str {
        // A line of a doc comment starts with the space after its slashes.
        self.meaning.trim_start()
    }
}

/// The value of a setting that the file does not give.
#[derive(Debug)]
pub(crate) enum Presence {
    /// No value: the file must give one.
    Required,
    /// No value: the description says what follows.
    Optional,
    /// This value, in TOML.
    Default(&'static str),
}

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Table {
    /// As in the file: `[http]`, `[[feeds]]`; empty for the top level.
    pub(crate) heading: &'static str,
    pub(super) meaning: &'static str,
    pub(crate) settings: &'static [Setting],
}

impl Table {
    /// The description, in Markdown.
    pub(crate) fn meaning(&self) -> &'static str {
        self.meaning.trim_start()
    }

    pub(super) fn setting(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// Returns this table and all tables in it, each once, in the order of their settings.
    pub(super) fn with_tables_within(&'static self) -> Vec<&'static Table> {
        let mut all = vec![self];
        for within in self.settings.iter().filter_map(|setting| setting.kind.table()) {
            for table in within.with_tables_within() {
                if !all.iter().any(|known| known.heading == table.heading) {
                    all.push(table);
                }
            }
        }
        all
    }
}

/// Defines the settings of a table whose values need no further check: makes a struct of the
/// values, its `TABLE`, and its `read`, which returns `None` after it has noted problems.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        #[heading = $heading:literal]
        $vis:vis struct $name:ident {$(
            $(#[doc = $meaning:literal])+
            $(#[key = $key:literal])?
            #[setting($kind:expr, $presence:ident $(= $default:tt)?, example = $($example:tt)+)]
            $field_vis:vis $field:ident: $type:ty,
        )+}
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        $vis struct $name {$(
            $(#[doc = $meaning])+
            $field_vis $field: $type,
        )+}

        impl $name {
            pub(in crate::config) const TABLE: $crate::config::definition::Table = definition!(
                $heading, [$($about),+], $({
                    [$($key,)? stringify!($field)] [$kind] [$presence $($default)?]
                    [$($example)+] [$($meaning),+] [] []
                })+
            );

            pub(in crate::config) fn read(
                table: &$crate::config::reader::Reader<'_>,
            ) -> Option<$name> {
                $(
                    let key = [$($key,)? stringify!($field)][0];
                    let $field = read_setting!($presence, table, key, $kind).value;
                )+
                Some($name {$($field: $field?),+})
            }
        }
    };
}

/// Defines the settings of a table that are checked together: makes a struct of [`Field`]s, each a
/// value with its place in the file, and its `TABLE` and `read`.
///
/// [`Field`]: super::reader::Field
macro_rules! fields {
    (
        $(#[doc = $about:literal])+
        #[heading = $heading:literal]
        struct $name:ident<$life:lifetime> {$(
            $(#[doc = $meaning:literal])+
            $(#[key = $key:literal])?
            $(#[only($($only:literal),+)])?
            $(#[excludes = $excludes:literal])?
            #[setting($kind:expr, $presence:ident $(= $default:tt)?, example = $($example:tt)+)]
            $field:ident: $type:ty,
        )+}
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub(in crate::config) struct $name<$life> {$(
            $(#[doc = $meaning])+
            pub(in crate::config) $field: $crate::config::reader::Field<$life, $type>,
        )+}

        impl<$life> $name<$life> {
            pub(in crate::config) const TABLE: $crate::config::definition::Table = definition!(
                $heading, [$($about),+], $({
                    [$($key,)? stringify!($field)] [$kind] [$presence $($default)?]
                    [$($example)+] [$($meaning),+] [$($($only),+)?] [$($excludes)?]
                })+
            );

            pub(in crate::config) fn read(
                table: &$crate::config::reader::Reader<$life>,
            ) -> $name<$life> {
                $name {$(
                    $field: read_setting!(
                        $presence, table, [$($key,)? stringify!($field)][0], $kind
                    ),
                )+}
            }
        }
    };
}

/// A table's [`Table`], from the parts that `settings` and `fields` took apart.
macro_rules! definition {
    ($heading:expr, [$($about:literal),+], $({
        [$key:expr $(, $field:expr)?] [$kind:expr] [$presence:ident $($default:tt)?]
        [$($example:tt)+] [$($meaning:literal),+] [$($only:literal),*] [$($excludes:literal)?]
    })+) => {
        $crate::config::definition::Table {
            heading: $heading,
            meaning: concat!($($about),+),
            settings: &[$($crate::config::definition::Setting {
                key: $key,
                kind: &$kind,
                presence: presence!($presence $($default)?),
                example: stringify!($($example)+),
                meaning: concat!($($meaning),+),
                only: &[$($only),*],
                excludes: presence!(excludes $($excludes)?),
            }),+],
        }
    };
}

/// A [`Presence`], or the setting that another one excludes. A default is one value in TOML, or an
/// expression in parentheses whose text is TOML.
macro_rules! presence {
    (required) => {
        $crate::config::definition::Presence::Required
    };
    (optional) => {
        $crate::config::definition::Presence::Optional
    };
    (default ($text:expr)) => {
        $crate::config::definition::Presence::Default($text)
    };
    (default $value:tt) => {
        $crate::config::definition::Presence::Default(stringify!($value))
    };
    (excludes) => {
        None
    };
    (excludes $key:literal) => {
        Some($key)
    };
}

/// Reads one setting: an `Option` of its value where it is optional.
macro_rules! read_setting {
    (optional, $table:expr, $key:expr, $kind:expr) => {
        $table.optional($key, &$kind)
    };
    ($presence:ident, $table:expr, $key:expr, $kind:expr) => {
        $table.present($key, &$kind)
    };
}
