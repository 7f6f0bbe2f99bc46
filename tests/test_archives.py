"""Compressed lists and logs, and archives with one file. The content shows the kind."""

import bz2
import io
import lzma
import tarfile
import zipfile

import pytest

from tests import program
from tests.program import DAMAGED

TEXT = b"".join(b"evil%d.com\n" % number for number in range(20_000))


class Unseekable(io.BytesIO):
    """A pipe: zipfile writes sizes and checksums behind the content."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise OSError

    def tell(self):
        raise OSError


def zipped(files, method=zipfile.ZIP_DEFLATED, to=io.BytesIO):
    target = to()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return target.getvalue()


def tarred(files, mode="w", form=tarfile.PAX_FORMAT):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=form) as archive:
        for name, content in files:
            about = tarfile.TarInfo(name)
            if content is None:
                about.type = tarfile.DIRTYPE
                archive.addfile(about)
            else:
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
    return target.getvalue()


ONE = [("list.txt", TEXT)]
LONG = [("a" * 90 + "/" + "\u00e9" * 90, TEXT)]
WHOLE = {
    "bz2": bz2.compress(TEXT),
    "bz2 in parts": bz2.compress(TEXT[:1000]) + bz2.compress(TEXT[1000:]),
    "xz": lzma.compress(TEXT),
    "xz in parts": lzma.compress(TEXT[:1000]) + lzma.compress(TEXT[1000:]),
    "zip": zipped(ONE),
    "zip, stored": zipped(ONE, zipfile.ZIP_STORED),
    "zip, sizes behind": zipped(ONE, to=Unseekable),
    "zip with a folder": zipped([("x/", b""), ("x/list.txt", TEXT)]),
    "tar": tarred(ONE),
    "tar with a folder": tarred([("x", None), ("x/list.txt", TEXT)]),
    "tar, GNU": tarred(LONG, form=tarfile.GNU_FORMAT),
    "tar, pax": tarred(LONG),
    "tar, ustar": tarred(ONE, form=tarfile.USTAR_FORMAT),
    "tar.gz": tarred(ONE, "w:gz"),
    "tar.bz2": tarred(ONE, "w:bz2"),
    "tar.xz": tarred(ONE, "w:xz"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_the_file_is_read_from_disk_and_from_a_pipe(tmp_path, kind):
    # The name says nothing.
    log = program.write(tmp_path / "list", "")
    log.write_bytes(WHOLE[kind])
    bad = program.write(tmp_path / "bad.txt", "evil7.com", "evil19999.com")
    assert program.count("--list", bad, log) == 2
    assert program.run("feeds", "test", log, "--json").stdout.count(b'"value"') == 20_000
    piped = program.run("scan", "--count", "--list", bad, "-", stdin=WHOLE[kind]).stdout
    assert piped.split() == [b"2"]


TWO = [("a.txt", TEXT), ("b.txt", TEXT)]
BROKEN = {
    "two files in a zip": (zipped(TWO), "zip", "one file"),
    "two files in a zip, sizes behind": (zipped(TWO, to=Unseekable), "zip", "one file"),
    "two files in a tar": (tarred(TWO), "tar", "one file"),
    "two files in a tar.gz": (tarred(TWO, "w:gz"), "", "one file"),
    "no file in a tar": (tarred([("x", None)]), "tar", "none"),
    "half a zip": (zipped(ONE)[:20_000], "zip", "ends in the middle"),
    "half a tar": (tarred(ONE)[:20_000], "tar", "ends in the middle"),
    "half a bz2": (WHOLE["bz2"][:20_000], "bzip2", ""),
    "half an xz": (WHOLE["xz"][:2_000], "xz", ""),
    "a wrong checksum in a zip": (
        WHOLE["zip"].replace(WHOLE["zip"][14:18], b"\0\0\0\0", 1), "zip", "checksum",
    ),
    "a zip with a password": (b"PK\3\4\x14\0\1\0" + WHOLE["zip"][8:], "zip", "encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_not_one_whole_file_is_reported(tmp_path, kind):
    content, codec, reason = BROKEN[kind]
    source = tmp_path / "list"
    source.write_bytes(content)
    bad = program.write(tmp_path / "bad.txt", "evil7.com")
    result = program.run("scan", "--count", "--list", bad, source, expect=DAMAGED)
    assert codec in result.stderr.decode() and reason in result.stderr.decode()
    program.run("build", "--list", source, "-o", tmp_path / "b", expect=DAMAGED)
