//! Templates of MISP objects, as in misp-objects (<https://github.com/MISP/misp-objects>, CC0 or
//! BSD-2-Clause), and as MISP 2.5.1 has them.

use std::borrow::Cow;

/// A template of an object. MISP needs all of it where it lacks this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its meta-category.
    pub meta_category: Cow<'static, str>,
    /// Its description.
    pub description: Cow<'static, str>,
    /// Its UUID.
    pub uuid: Cow<'static, str>,
    /// Its version.
    pub version: Cow<'static, str>,
}

/// A name and an address seen together.
pub static DOMAIN_IP: Template = Template {
    name: Cow::Borrowed("domain-ip"),
    meta_category: Cow::Borrowed("network"),
    description: Cow::Borrowed(
        "A domain/hostname and IP address seen as a tuple in a specific time frame.",
    ),
    uuid: Cow::Borrowed("43b3b146-77eb-4931-b4cc-b66c60f28734"),
    version: Cow::Borrowed("11"),
};

/// A file with its names and digests.
pub static FILE: Template = Template {
    name: Cow::Borrowed("file"),
    meta_category: Cow::Borrowed("file"),
    description: Cow::Borrowed("File object describing a file with meta-information"),
    uuid: Cow::Borrowed("688c46fb-5edb-40a3-8273-1af7923e2215"),
    version: Cow::Borrowed("25"),
};

/// A URL with its host.
pub static URL: Template = Template {
    name: Cow::Borrowed("url"),
    meta_category: Cow::Borrowed("network"),
    description: Cow::Borrowed(
        "url object describes an url along with its normalized field (like extracted \
                  using faup parsing library) and its metadata.",
    ),
    uuid: Cow::Borrowed("60efb77b-40b5-4c46-871b-ed1ed999fce5"),
    version: Cow::Borrowed("10"),
};
