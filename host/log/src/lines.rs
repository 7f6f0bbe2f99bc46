//! One value per line.

use crate::host;
use crate::marks::has_any;

/// Returns the line's value, without the blanks and the pair of double quotes around it. A line
/// that begins with `#` has none.
pub(crate) fn value(line: &[u8]) -> Option<&[u8]> {
    let value = line.trim_ascii();
    let value = match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    };
    (!value.is_empty() && value[0] != b'#').then_some(value)
}

/// Returns whether a line's value is a single value. A value with blanks or commas is not, unless
/// it is a URL.
#[inline]
pub(crate) fn is_one(value: &[u8]) -> bool {
    !has_any(value, *b" \t,") || host::is_absolute(value)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values() {
        assert_eq!(value(b" evil.example\r"), Some(&b"evil.example"[..]));
        assert_eq!(value(b"\"10.0.0.1\""), Some(&b"10.0.0.1"[..]));
        for nothing in ["", "  ", "# comment", "\"\""] {
            assert_eq!(value(nothing.as_bytes()), None);
        }
        assert_eq!(value(b"\""), Some(&b"\""[..]));
    }
}
