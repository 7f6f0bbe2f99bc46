"""Tests of the checker for plain English: it finds the faults and nothing else."""

import pytest

from tests import english

LONG = "x" * 101


@pytest.mark.parametrize(
    ("file", "source", "wanted"),
    [
        ("a.rs", "/// What it is.\n/// More.\nfn a() {}", [(1, "What")]),
        ("a.rs", "//! Whether it is.", [(1, "Whether")]),
        ("a.rs", "/// Returns it.\n/// What follows is fine.\nfn a() {}", []),
        ("a.rs", "// What an ordinary comment starts with.", []),
        ("a.rs", "//// What is no doc comment.", []),
        ("a.rs", "/// A noun, read\n/// anew.", [(2, "anew")]),
        ("a.rs", "fn a<'a>(b: &'a str) -> char { '\"' } // anew", [(1, "anew")]),
        ("a.rs", 'const A: &str = r#"told of "it""#;', [(1, "told of")]),
        ("a.rs", f"// {LONG}", [(1, "104 columns")]),
        ("a.rs", f'    "{LONG}",', []),
        ("a.rs", f'    let text = "{LONG}";', []),
        ("a.rs", f'    call("{LONG}", "more");', [(1, "columns")]),
        ("a.rs", f'const A: &str = r#"\n{LONG}\n"#;', []),
        ("a.rs", f"/// https://host.example/{LONG}", []),
        ("A.java", "/**\n * How it is.\n */", [(1, "How")]),
        ("A.java", f'String a = """\n    {LONG}\n    """;', []),
        ("a.py", 'def a():\n    """Why it is."""', [(2, "Why")]),
        ("a.py", 'A = "whoever"', [(1, "whoever")]),
        ("a.wit", "/// Of a kind.\nrecord a {}", [(1, "Of")]),
        ("a.sh", "echo lest it fails", [(1, "lest")]),
    ],
)
def test_faults(file: str, source: str, wanted: list[tuple[int, str]]):
    found = english.faults(file, source)
    assert [fault.line for fault in found] == [line for line, _ in wanted]
    for fault, (_, part) in zip(found, wanted, strict=True):
        assert part in fault.what
