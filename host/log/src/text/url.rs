//! URLs in text, with or without a scheme.

use memchr::memmem;
use threatsieve_blacklist::observable::Kind;

use super::class::{class, defanged_dot};

/// The most URLs within one URL that are passed on up to its end. Further ones end where the next
/// begins, so that no line costs the square of its length.
const MAX_NESTED: usize = 8;

/// The position of a URL: its scheme, and the text after `://`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) authority: usize,
}

/// Finds the next URL with a scheme.
pub(super) fn find(line: &[u8], from: usize, end: usize) -> Option<Place> {
    let mut search = from;
    while let Some(at) = memmem::find(&line[search..end], b"://") {
        let colon = search + at;
        let letters =
            line[search..colon].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
        let digits = line[colon - letters..colon].iter().take_while(|b| b.is_ascii_digit()).count();
        if letters - digits >= 2 && colon + 3 < end {
            let start = scheme_start(line, colon - letters + digits, colon);
            return Some(Place { start, authority: colon + 3 });
        }
        search = colon + 3;
    }
    None
}

/// Returns the start of the scheme among the letters before `://`. An escape or a name may be
/// directly before it, as in `
/// http://`, `\u003chttp://` and `=3Dhttp://`.
fn scheme_start(line: &[u8], from: usize, colon: usize) -> usize {
    let letters = &line[from..colon];
    let ends_in = |scheme: &&[u8]| {
        letters.len() > scheme.len()
            && letters[letters.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
    };
    let schemes: [&[u8]; 4] = [b"https", b"http", b"hxxps", b"hxxp"];
    schemes.into_iter().find(ends_in).map_or(from, |scheme| colon - scheme.len())
}

/// Passes on a URL and those inside it, and returns the position after it.
pub(super) fn walk(
    line: &[u8],
    outer: Place,
    to: usize,
    sink: &mut impl FnMut(Kind, &[u8]),
) -> usize {
    let mut end = quoted_end(line, outer, to);
    let mut inside = [outer; MAX_NESTED];
    let mut count = 0;
    let mut last = outer;
    while let Some(place) = find(line, last.authority, end) {
        if matches!(line[place.start - 1], b',' | b';') {
            // A list of URLs. The rest of it comes next.
            end = place.start - 1;
            break;
        }
        if count < MAX_NESTED {
            inside[count] = place;
        } else {
            one(line, last, place.start, sink);
        }
        count += 1;
        last = place;
    }
    let next = one(line, outer, end, sink);
    for place in &inside[..count.min(MAX_NESTED)] {
        one(line, *place, end, sink);
    }
    if count > MAX_NESTED {
        one(line, last, end, sink);
    }
    if count == 0 { next } else { end }
}

/// Returns the end of a URL: in single quotes, the closing quote.
fn quoted_end(line: &[u8], place: Place, to: usize) -> usize {
    if place.start == 0 || line[place.start - 1] != b'\'' {
        return to;
    }
    memchr::memchr(b'\'', &line[place.authority..to]).map_or(to, |at| place.authority + at)
}

/// Reads a URL without a scheme.
pub(super) fn walk_bare(
    line: &[u8],
    start: usize,
    to: usize,
    sink: &mut impl FnMut(Kind, &[u8]),
) -> usize {
    one(line, Place { start, authority: start }, to, sink)
}

/// Passes on one URL. Returns the end of the text that certainly belongs to it.
fn one(line: &[u8], place: Place, to: usize, sink: &mut impl FnMut(Kind, &[u8])) -> usize {
    let authority_end = authority_end(line, place.authority, to);
    let full = if matches!(line[authority_end..to].first(), None | Some(b'/' | b'?' | b'#')) {
        to
    } else {
        authority_end
    };
    let full = punctuation(line, authority_end, full);
    let whole = trimmed(&line[place.start..full]);
    if place.start + whole.len() <= place.authority && place.authority > place.start {
        return place.authority;
    }
    sink(Kind::Url, whole);
    // A comma may be part of a URL, or follow one in a list or a table. Both readings count.
    let Some(comma) = line[authority_end..full].iter().position(|b| matches!(b, b',' | b';'))
    else {
        return full;
    };
    let cut = trimmed(&line[place.start..authority_end + comma]);
    if cut.len() < whole.len() {
        sink(Kind::Url, cut);
    }
    authority_end + comma
}

/// Returns the end of host and port. Characters that only userinfo may contain count only if an `@`
/// follows.
fn authority_end(line: &[u8], from: usize, to: usize) -> usize {
    let mut first_odd = None;
    let mut at = from;
    while at < to {
        match line[at] {
            b'/' | b'?' | b'#' => break,
            b'@' => first_odd = None,
            b'(' | b'{' | b'[' => {
                if let Some(len) = defanged_dot(&line[at..to]) {
                    at += len;
                    continue;
                }
                if line[at] != b'[' {
                    first_odd = first_odd.or(Some(at));
                }
            }
            b',' | b';' | b'=' | b'&' | b'\'' | b')' | b'}' | b'!' | b'$' | b'*' => {
                first_odd = first_odd.or(Some(at))
            }
            _ => {}
        }
        at += 1;
    }
    first_odd.unwrap_or(at)
}

/// Returns the position of quotes and full stops of other scripts, such as `“`...`”`, `«`...`»` and
/// `。`. They end a URL as `"` does.
fn punctuation(line: &[u8], from: usize, to: usize) -> usize {
    let ends = |at: &usize| {
        matches!(
            line[*at..to],
            [0xe2, 0x80, 0x98..=0x9f | 0xb9 | 0xba, ..]
                | [0xe3, 0x80, 0x80..=0x9f, ..]
                | [0xc2, 0xab | 0xbb, ..]
        )
    };
    memchr::memchr3_iter(0xe2, 0xe3, 0xc2, &line[from..to])
        .map(|at| from + at)
        .find(ends)
        .unwrap_or(to)
}

/// Removes the punctuation that follows a URL in prose, and closing brackets that were opened
/// before it.
fn trimmed(url: &[u8]) -> &[u8] {
    let mut end = url.len();
    // For each kind of bracket the number of opening ones less closing ones, counted when first
    // needed.
    let mut surplus = [None; 3];
    while let Some(&last) = url[..end].last() {
        let sort = match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' => {
                // After a path, a bare `?` at the end marks a query that was not logged.
                if last == b'?' && memchr::memchr(b'/', &url[..end]).is_some() && end == url.len() {
                    break;
                }
                end -= 1;
                continue;
            }
            b')' => 0,
            b']' => 1,
            b'}' => 2,
            _ => break,
        };
        let count = |byte| memchr::memchr_iter(byte, &url[..end]).count() as isize;
        let left = *surplus[sort].get_or_insert_with(|| count(b"([{"[sort]) - count(last));
        if left >= 0 {
            break;
        }
        surplus[sort] = Some(left + 1);
        end -= 1;
    }
    &url[..end]
}

/// Returns the start of the scheme of a URL whose slashes are escaped as JSON allows: the piece
/// ends in `http:`, and `\/\/` follows.
pub(super) fn escaped_scheme(line: &[u8], from: usize, end: usize) -> Option<usize> {
    let before = line[from..end].strip_suffix(b":")?;
    if !line[end..].starts_with(b"\\/\\/") {
        return None;
    }
    let letters = before.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    (letters >= 2).then(|| scheme_start(line, end - 1 - letters, end - 1))
}

/// Characters that HTML writes as entities, and the ones that end a URL.
const ENTITIES: [(&[u8], u8); 8] = [
    (b"&amp;", b'&'),
    (b"&#38;", b'&'),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&apos;", b'"'),
    (b"&#39;", b'"'),
];

/// Returns whether a piece has escapes from `from` on, or directly after it: JSON's `\/` and
/// `\u0026`, CEF's `\=`, HTML's entities.
pub(super) fn has_escapes(line: &[u8], from: usize, end: usize) -> bool {
    escape(&line[end..]).is_some()
        || memchr::memchr_iter(b'&', &line[from..end])
            .any(|at| escape(&line[from + at..]).is_some())
}

/// Returns the URL that begins at `start`, without its escapes, and its end. The text before
/// `plain` is used as it is. An escaped quote or angle bracket ends the URL.
pub(super) fn unescaped(line: &[u8], start: usize, plain: usize) -> (Vec<u8>, usize) {
    let (mut url, mut at) = (line[start..plain].to_vec(), plain);
    while let Some(&byte) = line.get(at) {
        let (byte, bytes) = escape(&line[at..]).unwrap_or((byte, 1));
        if class(byte) == 0 {
            break;
        }
        url.push(byte);
        at += bytes;
    }
    (url, at)
}

/// Returns the character of an escape at the start of the text, and the length of the escape.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', byte @ (b'/' | b'=' | b'&'), ..] => Some((*byte, 2)),
        [b'\\', b'u', b'0', b'0', high, low, ..] | [b'\\', b'x', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = (digit(*high)? * 16 + digit(*low)?) as u8;
            Some((byte, if text[1] == b'u' { 6 } else { 4 }))
        }
        [b'&', ..] => ENTITIES
            .into_iter()
            .find(|(entity, _)| {
                text.get(..entity.len()).is_some_and(|start| start.eq_ignore_ascii_case(entity))
            })
            .map(|(entity, byte)| (byte, entity.len())),
        _ => None,
    }
}
