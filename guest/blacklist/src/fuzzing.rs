//! Properties that hold for any bytes, run by the fuzz targets and by the replay of their corpora.

use std::sync::LazyLock;

use crate::compile::sign::digest_at;
use crate::image::{DIGEST_BYTES, Image, ROW_BYTES, Role, TABLE_AT};
use crate::observable::{Batch, Kind};
use crate::{
    Blacklist, CompileOptions, Compiler, GuestBlacklist, Indicator, IndicatorId, Policy, Scratch,
    Target, Timestamp, UrlMode, Value,
};

/// Entries of every type, some of which cover others.
const LISTED: &str = "evil.com www.evil.com *.below.net com xn--bcher-kva.example a_b.org \
    1.2.3.4 1.2.3.0/24 1.2.3.3-1.2.3.9 2a00::/19 2a00:1::1 \
    http://evil.com/a evil.org/uc?id=1 http://1.2.3.4/z \
    d41d8cd98f00b204e9800998ecf8427e bob@evil.com";

static BLACKLIST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let compile = || {
        let mut compiler = Compiler::new(CompileOptions::default()).ok()?;
        let feed = compiler.feed("fuzz").ok()?;
        for (line, text) in (1..).zip(LISTED.split_whitespace()) {
            let values = vec![Value::from_list(text, UrlMode::Prefix).ok()?];
            let indicator = Indicator {
                confidence: Some(50),
                valid_until: Some(Timestamp(1)),
                types: vec!["malware".to_owned()],
                ..Indicator::new(IndicatorId::Line(line), values)
            };
            compiler.block(feed, indicator, &mut |_| {}).ok()?;
        }
        compiler.finish().ok().map(crate::Compiled::into_bytes)
    };
    compile().unwrap_or_default()
});

/// Opens any bytes as a blacklist.
///
/// The bytes are opened as they are. Then they change a good blacklist whose digests are corrected
/// afterwards, so that the checks after the digests are tested too. Nothing panics, and whatever
/// opens can be read to its end.
pub fn blacklist(data: &[u8]) {
    let _ = Blacklist::open(data, None);
    let mut file = BLACKLIST.clone();
    // Each change has two bytes for the position and one byte to write there.
    for change in data.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len().max(1);
        if let Some(byte) = file.get_mut(place) {
            *byte = change[2];
        }
    }
    reseal(&mut file);
    let Ok(opened) = Blacklist::open(&file[..], None) else { return };
    let count = opened.entries(Role::Block) + opened.entries(Role::Allow);
    for number in (0..count.min(1000)).chain([count, u64::from(u32::MAX)]) {
        let Ok(entry) = u32::try_from(number) else { continue };
        let hit = crate::Hit { observable: 0, entry, how: crate::How::Exact, allowed_by: None };
        let _ = opened.resolve(&hit, &Policy::default(), Timestamp(0));
    }
}

/// Corrects the digests of a file whose header can still be read.
pub(crate) fn reseal(file: &mut [u8]) {
    let Ok(image) = Image::new(file) else { return };
    let header_bytes = image.header_bytes;
    let sections: Vec<_> =
        image.rows().map(|row| (row.offset as usize, row.bytes as usize)).collect();
    for (i, (offset, bytes)) in sections.into_iter().enumerate() {
        let Some(section) = file.get(offset..offset.saturating_add(bytes)) else { return };
        let digest = *blake3::hash(section).as_bytes();
        let row = TABLE_AT + i * ROW_BYTES;
        file[row + 24..row + 56].copy_from_slice(&digest);
    }
    let at = digest_at(header_bytes);
    let Some(header) = file.get(..at) else { return };
    let digest = *blake3::hash(header).as_bytes();
    if let Some(place) = file.get_mut(at..at + DIGEST_BYTES) {
        place.copy_from_slice(&digest);
    }
}

/// Reads any bytes as a value of every kind. Normalising a normalised form changes nothing, and the
/// filter never loses a hit.
///
/// # Panics
///
/// Panics when one of these properties does not hold.
pub fn normaliser(data: &[u8]) {
    let kinds = [Kind::Any, Kind::Host, Kind::Address, Kind::Url, Kind::Hash, Kind::Email];
    let (mut first, mut again) = (Target::new(), Target::new());
    for kind in kinds {
        first.read(kind, data);
        again.read(Kind::Host, &first.host);
        // One trailing dot is dropped. A host with more is invalid, and loses one dot each time.
        let dotted = first.host.ends_with(b".") || first.host.starts_with(b".");
        // A host that was kept as raw bytes may be read as something else. A plain host may not.
        if !first.host_cut
            && first
                .host
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        {
            let address = first.host.iter().all(|b| b.is_ascii_digit() || *b == b'.');
            assert!(address || dotted || again.host == first.host, "{kind:?} {data:?}");
        }
        // Brackets in a URL's host may be read as a defanged dot.
        if !first.url.is_empty() && !dotted && !first.host.contains(&b'(') {
            let url = first.url.clone();
            again.read(Kind::Url, &[b"http://", &url[..]].concat());
            assert_eq!(again.url, url, "{data:?}");
        }
        compare_ways(kind, data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Value::from_list(text, UrlMode::Exact).map(|value| value.to_string());
    }
}

/// Looks a value up with and without the filter, and compares the answers.
fn compare_ways(kind: Kind, data: &[u8]) {
    let Ok(opened) = Blacklist::open(&BLACKLIST[..], None) else { return };
    let Ok(guest) = GuestBlacklist::new(opened.guest_image()) else { return };
    let mut batch = Batch::new();
    batch.push(kind, data);
    let (mut quick, mut slow) = (Vec::new(), Vec::new());
    let mut scratch = Scratch::default();
    assert!(guest.check(batch.as_bytes(), &mut scratch, &mut quick).is_ok());
    guest.check_without_filter(batch.as_bytes(), &mut scratch, &mut slow);
    assert_eq!(quick, slow, "{kind:?} {data:?}");
}
