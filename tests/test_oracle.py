"""Tests of the oracle against cases worked out by hand, because a wrong oracle would give wrong
verdicts.
"""

import pytest

from tests.oracle import Malformed, Oracle, addresses, from_list, names, urls


@pytest.mark.parametrize(
    "given, wanted",
    [
        ("WWW.Evil.COM.", "www.evil.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("FAß.example", "xn--fa-hia.example"),
        ("evil。com", "evil.com"),
        ("r3---sn-a.evil.com", "r3---sn-a.evil.com"),
        ("a_b.evil.com", "a_b.evil.com"),
        ("xn--A.evil.com", "xn--a.evil.com"),
        ("\u0300x.evil.com", "\u0300x.evil.com"),
        ("ｅvil.com", "evil.com"),
        ("ev\u00adil.com", "evil.com"),
    ],
)
def test_names(given, wanted):
    assert names.normalise(given) == wanted


@pytest.mark.parametrize(
    "given, wanted",
    [
        ("0177.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("1.2.3", "1.2.0.3"),
        ("1.2.3.4.", "1.2.3.4"),
        ("4294967296", None),
        ("256.1.1.1", None),
        ("08.1.1.1", None),
        ("a.b", None),
        ("1..2", None),
    ],
)
def test_addresses_in_url_hosts(given, wanted):
    found = addresses.url_host(given)
    assert (None if found is None else str(found)) == wanted


@pytest.mark.parametrize(
    "given, wanted",
    [
        ("http://Evil.com", "evil.com/"),
        ("https://evil.com:443/A", "evil.com/A"),
        ("http://evil.com:8080/", "evil.com:8080/"),
        ("evil.com/a/../b/./c/..", "evil.com/b/"),
        ("http://evil.com/%7euser/%e9", "evil.com/~user/%E9"),
        ("http://evil.com/%2e%2E/a", "evil.com/a"),
        ("http://evil.com/100%", "evil.com/100%25"),
        ("http://evil.com/%4%31", "evil.com/%2541"),
        ("http://u:p@evil.com./a#b", "evil.com/a"),
        ("http://[2001:DB8::1]:81/a", "[2001:db8::1]:81/a"),
        ("http://[::ffff:1.2.3.4]/a", "1.2.3.4/a"),
    ],
)
def test_urls(given, wanted):
    assert urls.parse(given).key == wanted


LISTED = [
    "evil.com",
    "*.below.net",
    "co.uk",
    "github.io",
    ".netlify.app",
    "http://e.com/a?b=c",
    "http://e.com/a",
    "8.8.8.0/24",
    "8.8.8.8",
    "x@mail.example",
]


@pytest.mark.parametrize(
    "value, wanted",
    [
        ("evil.com", {("evil.com", "exact")}),
        ("a.evil.com", {("evil.com", "subdomain")}),
        ("notevil.com", set()),
        ("evil.com.br", set()),
        ("below.net", set()),
        ("a.below.net", {("below.net", "subdomain")}),
        ("co.uk", {("co.uk", "exact")}),
        ("a.co.uk", set()),
        ("github.io", {("github.io", "exact")}),
        ("a.github.io", set()),
        ("a.netlify.app", {("netlify.app", "subdomain")}),
        ("https://e.com:80/a?b=c", {("e.com/a?b=c", "url"), ("e.com/a", "url")}),
        ("http://e.com/a?", {("e.com/a?b=c", "url_query_unlogged"), ("e.com/a", "url")}),
        ("http://e.com/a/b", set()),
        ("e.com:443", set()),
        ("gopher://e.com/a", set()),
        ("gopher://evil.com/a", {("evil.com", "exact")}),
        ("::ffff:8.8.8.8", {("8.8.8.0/24", "cidr"), ("8.8.8.8", "exact")}),
        ("http://134744072/", {("8.8.8.0/24", "cidr"), ("8.8.8.8", "exact")}),
        ("134744072", set()),
        ("X@mail.example", set()),
        ("x@MAIL.example", {("x@mail.example", "exact")}),
        ("y@a.evil.com", {("evil.com", "subdomain")}),
    ],
)
def test_matches(value, wanted):
    oracle = Oracle([from_list(text) for text in LISTED])
    assert {
        (found.entry_value, found.how) for found in oracle.matches("any", value, partial=True)
    } == wanted


@pytest.mark.parametrize(
    "text", ["", "a b", "evil..com", "1.2.3.4/33", "evil.com:80", "1.2.3.9-1.2.3.1"]
)
def test_what_is_no_value(text):
    with pytest.raises(Malformed):
        from_list(text)
