"""Checks the plain English of the sources: `python3 -m tests.english [FOLDER...]`.

Part of `make lint`.

Three rules hold for every tracked source file (see SUFFIXES):
- a doc comment starts with a noun or a third-person verb, not with a subordinate clause;
- comments and string literals avoid the words in WORDS;
- no line is longer than COLUMNS, comments included. Raw string literals and text blocks are
  excepted, and lines that are one string literal or one address.

Prints `file:line: what was found, expected ...` for each fault and exits with 1. Faults in the
folders of NOT_YET are only counted, unless the folder is given as an argument.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".rs", ".java", ".py", ".wit", ".sh"}
COLUMNS = 100

# Folders that still have faults. A folder without any must leave this list.
NOT_YET: list[str] = []

# Generated files and data, and the files that contain the bad words on purpose: not checked.
NOT_CHECKED = {"tests/english.py", "tests/test_english.py"}

# Openings that leave the reader to guess the noun.
OPENINGS = re.compile(r"(What|Where|Who|Whoever|How|Of|Whether|That|So|When|Which|Why)\b")

# Doc comments that may start with such a word: (file, first words) and why.
OPENING_EXCEPTIONS: dict[tuple[str, str], str] = {}

# Each with a plain replacement. Only words that no good sentence here needs.
WORDS = {
    r"anew": "again",
    r"as ever": "as before",
    r"aught": "anything",
    r"at most so( many| much| long)?": "the limit with its unit",
    r"beside": "alongside, next to",
    r"for want of": "without, because there is no",
    r"is to be had|are to be had|to be had": "is available",
    r"lest": "so that ... not",
    r"n[ao]ught": "nothing",
    r"nowise": "not",
    r"stands? (in(?! for)|at|on|there|here|before|behind|under)": "is",
    r"stood (in|at|on|there|here|before|behind|under)": "was",
    r"(is|are|was|were|be|been|being) told of": "reported, logged, alerted",
    r"told of": "reported, logged, alerted",
    r"thereof|wherein|whereof|whence|thence|whither|hither": "a pronoun with its noun",
    r"unhurried": "without a deadline",
    r"who(so)?ever": "the caller, anyone who",
}
ANY_WORD = "|".join(f"(?P<w{i}>{word})" for i, word in enumerate(WORDS))
BAD_WORD = re.compile(rf"\b(?:{ANY_WORD})\b", re.I)


class Text(NamedTuple):
    """A comment or string literal of a source file."""

    line: int
    kind: str  # "doc", "comment", "string", or "data" for a literal whose lines cannot be broken
    text: str


class Fault(NamedTuple):
    """A place that breaks a rule."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


# Comments and literals of Rust, Java and WIT. The quote of a lifetime begins no literal.
C_LIKE = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*.*?\*/)
      | (?P<java>\"{3}(?:\\.|[^\\])*?\"{3})
      | \b(?:b|c)?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)
      | (?P<string>"(?:\\.|[^"\\])*")
      | (?P<char>'(?:\\(?:u\{[0-9A-Fa-f_]+\}|x[0-9A-Fa-f]{2}|.)|[^'\\\n])')
    """,
    re.S | re.X,
)
INNER_OR_OUTER_DOC = re.compile(r"//[/!](?!/)")


def c_like(source: str) -> Iterator[Text]:
    """Texts of a Rust, Java or WIT file; successive lines of one doc comment are one text."""
    doc: list[str] = []
    doc_line = next_line = line = at = 0
    for token in C_LIKE.finditer(source):
        line += source.count("\n", at, token.start())
        at = token.start()
        is_doc = token["line"] and INNER_OR_OUTER_DOC.match(token["line"])
        if doc and not (is_doc and line == next_line):
            yield Text(doc_line, "doc", "\n".join(doc))
            doc = []
        if is_doc:
            if not doc:
                doc_line = line + 1
            doc.append(token["line"][3:])
            next_line = line + 1
        elif token["line"]:
            yield Text(line + 1, "comment", token["line"].lstrip("/"))
        elif token["block"]:
            is_doc = token["block"].startswith(("/**", "/*!")) and len(token["block"]) > 4
            text = re.sub(r"^\s*\*+", "", token["block"][2:-2].lstrip("*!"), flags=re.M)
            yield Text(line + 1, "doc" if is_doc else "comment", text)
        elif token["string"]:
            yield Text(line + 1, "string", token["string"])
        elif not token["char"]:
            yield Text(line + 1, "data", token["raw"] or token["java"] or "")
    if doc:
        yield Text(doc_line, "doc", "\n".join(doc))


def python(source: str) -> Iterator[Text]:
    """Texts of a Python file."""
    docs = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.body and ast.get_docstring(node) is not None:
                docs.add(node.body[0].lineno)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], "comment", token.string.lstrip("#"))
        elif token.type in (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            kind = "data" if token.string.endswith(('"""', "'''")) else "string"
            kind = "doc" if token.start[0] in docs else kind
            yield Text(token.start[0], kind, token.string.lstrip("rbfRBF").strip("\"'"))


def shell(source: str) -> Iterator[Text]:
    """Lines of a shell script: its words are nearly all messages and comments."""
    for number, line in enumerate(source.splitlines(), 1):
        yield Text(number, "comment", line)


LANGUAGES = {".rs": c_like, ".java": c_like, ".wit": c_like, ".py": python, ".sh": shell}

# A line that cannot be broken: one string literal, at most assigned to a name, or one address.
UNBREAKABLE = re.compile(
    r"""\s*(?:[\w&<>\[\]:;,. ]+=>?\s*)?[bcrfBRF]*
        (?:"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | r?\#+".*"\#+)[,;:)\]}]*\s*$
      | \s*(?://[/!]?|\#|\*)?\s*(?:\[[^\]]*\]:?\s*)?<?https?://\S+\s*$
    """,
    re.X,
)


def words(file: str, text: Text) -> Iterator[Fault]:
    """Faults in the words of one comment or literal."""
    opening = OPENINGS.match(text.text.lstrip())
    excepted = any(
        name == file and text.text.lstrip().startswith(start) for name, start in OPENING_EXCEPTIONS
    )
    if text.kind == "doc" and opening and not excepted:
        what = f'the doc comment starts with "{opening[1]}", expected a noun or a third-person verb'
        yield Fault(file, text.line, what)
    # A phrase may be broken over two lines.
    for found in BAD_WORD.finditer(re.sub(r"\s", " ", text.text)):
        line = text.line + text.text.count("\n", 0, found.start())
        plain = list(WORDS.values())[int(found.lastgroup[1:])]
        yield Fault(file, line, f'"{found[0]}", expected plain English: {plain}')


def faults(file: str, source: str) -> list[Fault]:
    """All faults of one file, in the order of its lines."""
    found = []
    data: set[int] = set()
    for text in LANGUAGES[Path(file).suffix](source):
        found += words(file, text)
        if text.kind == "data":
            data.update(range(text.line, text.line + text.text.count("\n") + 1))
    for number, line in enumerate(source.split("\n"), 1):
        if len(line) > COLUMNS and number not in data and not UNBREAKABLE.match(line):
            found.append(Fault(file, number, f"{len(line)} columns, expected at most {COLUMNS}"))
    return sorted(found)


def sources(folders: list[str]) -> list[str]:
    """Tracked source files below the folders, or all; paths are relative to the root."""
    command = ["git", "ls-files", "-z", "--", *folders]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = (name for name in listed.split("\0") if Path(name).suffix in SUFFIXES)
    return [name for name in names if name not in NOT_CHECKED and (ROOT / name).is_file()]


def main(folders: list[str]) -> int:
    """Checks the folders, or everything, and returns the exit code."""
    counted: Counter[str] = Counter()
    failed = False
    for file in sources(folders):
        lenient = [folder for folder in NOT_YET if not folders and file.startswith(folder + "/")]
        for fault in faults(file, (ROOT / file).read_text()):
            if lenient:
                counted[lenient[0]] += 1
            else:
                failed = True
                print(fault)
    for folder in NOT_YET if not folders else []:
        if counted[folder]:
            print(f"{folder}: {counted[folder]} faults, not yet corrected")
        else:
            failed = True
            print(f"tests/english.py: {folder} is clean, expected it to be gone from NOT_YET")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
