"""The configuration: faults are reported with their position, and secrets are never shown."""

import pytest

from tests import program

EXAMPLE = program.ROOT / "tests/example/threatsieve.toml"
SECRET = "hunter2-hunter2"
FEED = ["[[feeds]]", 'name = "a"', 'type = "url"', 'url = "https://example.org/"']


def check(*arguments, **options):
    result = program.run("config", *arguments, **options)
    return result.stdout.decode(), result.stderr.decode()


def test_the_example_holds():
    out, _ = check("check", "--offline", "--config", EXAMPLE)
    assert "feed    bundle" in out and "log     proxy" in out


def test_every_problem_is_told_with_its_place(tmp_path):
    file = program.write(
        tmp_path / "t.toml", 'state = "s"', "[http]", "idle_timout = 1", "[matching]", "exact = 3"
    )
    _, err = check("check", "--offline", "--config", file, expect=program.USAGE)
    assert f"{file}:3:1: http.idle_timout: " in err and "did you mean `idle_timeout`?" in err
    assert f"{file}:5:9: matching.exact: expected true or false, got 3" in err


def test_secrets_are_never_shown(tmp_path):
    plain = program.write(tmp_path / "plain.toml", 'state = "s"', *FEED, f'token = "{SECRET}"')
    for verb in ("check", "show"):
        out, err = check(verb, "--config", plain, expect=program.USAGE)
        assert SECRET not in out + err and "not written into the configuration" in err
    placed = program.write(
        tmp_path / "placed.toml", 'state = "s"', *FEED, 'token = { env = "TOKEN" }'
    )
    out, err = check("show", "--config", placed, env={"TOKEN": SECRET})
    assert SECRET not in out + err and 'feeds.a.token.env = "TOKEN"' in out


def test_keys_in_urls_are_never_shown(tmp_path):
    key = "0123456789abcdef0123456789abcdef"
    urls = [f"https://example.org/list?apikey={SECRET}", f"https://example.org/v2/{key}/recent.csv"]
    feeds = [
        line.replace('"a"', f'"{number}"').replace("https://example.org/", url)
        for number, url in enumerate(urls)
        for line in FEED
    ]
    cluster = ["[opensearch]", f'hosts = ["https://example.org/?apikey={SECRET}"]']
    file = program.write(tmp_path / "t.toml", 'state = "s"', *feeds, *cluster)
    shown, _ = check("show", "--config", file)
    checked, _ = check("check", "--offline", "--config", file)
    for text in (shown, checked):
        assert SECRET not in text and key not in text, text
        assert (
            "https://example.org/list?..." in text
            and "https://example.org/v2/***/recent.csv" in text
        )
    # Secrets do not appear in messages about a wrong URL, either.
    plain = [
        line.replace("https://example.org/", f"http://example.org/?apikey={SECRET}")
        for line in FEED
    ]
    wrong = program.write(tmp_path / "w.toml", 'state = "s"', *plain, 'token = { env = "TOKEN" }')
    _, err = check(
        "check", "--offline", "--config", wrong, expect=program.USAGE, env={"TOKEN": "x"}
    )
    assert "expected https with credentials" in err and SECRET not in err, err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff" * 3, "expected UTF-8, got other bytes at offset 0"),
        (b"# " + b"x" * (1 << 20), "expected a configuration of at most 1048576 bytes, got more"),
        (b'state = "s"\n[http\n', ":2:6: "),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, content, told):
    file = tmp_path / "t.toml"
    file.write_bytes(content)
    _, err = check("check", "--offline", "--config", file, expect=program.USAGE)
    assert str(file) in err and told in err


def test_a_configuration_that_is_not_there(tmp_path):
    _, err = check("check", "--offline", "--config", tmp_path / "t.toml", expect=program.USAGE)
    assert (
        f"{tmp_path / 't.toml'}: the configuration cannot be read" in err and "No such file" in err
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\n", "expected a secret in {file}, got an empty file"),
        (b"\xff", "expected UTF-8 in {file}, got other bytes"),
        (b"x" * 65_537, "expected at most 65536 bytes in {file}, got more"),
        (None, "expected a readable file, got an error at {file}: No such file or directory"),
    ],
)
def test_a_secret_file_that_holds_none(tmp_path, content, told):
    secret = tmp_path / "token"
    if content is not None:
        secret.write_bytes(content)
    file = program.write(tmp_path / "t.toml", 'state = "s"', *FEED, 'token = { file = "token" }')
    _, err = check("check", "--offline", "--config", file, expect=program.USAGE)
    assert f"{file}:6:9: feeds.a.token: " in err and told.format(file=secret) in err


def test_a_secret_that_others_can_read_is_warned_of(tmp_path):
    secret = program.write(tmp_path / "token", SECRET)
    secret.chmod(0o644)
    out, err = check(
        "check",
        "--offline",
        "--config",
        program.write(tmp_path / "t.toml", 'state = "s"', *FEED, 'token = { file = "token" }'),
    )
    assert f"feeds.a.token: {secret} can be read by others (mode 644); `chmod 600` it" in out + err
    assert SECRET not in out + err
    secret.chmod(0o600)
    assert "can be read" not in "".join(
        check("check", "--offline", "--config", tmp_path / "t.toml")
    )


def test_the_reference_is_the_programs():
    printed = program.run("reference").stdout.decode()
    written = (program.ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert written == printed, "run: target/release/threatsieve reference > docs/reference.md"


def switched_on(first: str) -> list[str]:
    """Returns the lines of a first configuration file with settings and tables, including the
    commented ones.
    """
    return [
        line.removeprefix("#")
        for line in first.splitlines()
        if line and not line.startswith("# ") and line != "#"
    ]


def test_the_first_file_holds_and_replaces_no_other(tmp_path):
    printed, _ = check("init")
    file = tmp_path / "threatsieve.toml"
    _, err = check("init", file)
    assert file.read_text(encoding="utf-8") == printed and f"config check --config {file}" in err
    out, _ = check("check", "--config", file)
    assert f"{file}: valid" in out and f"state   {tmp_path}/state" in out
    file.write_text("state = 'mine'\n", encoding="utf-8")
    _, err = check("init", file, expect=program.USAGE)
    assert f"{file}: expected a new file, got one that exists" in err
    assert file.read_text(encoding="utf-8") == "state = 'mine'\n"


def test_every_setting_of_the_first_file_is_documented():
    reference = (program.ROOT / "docs/reference.md").read_text(encoding="utf-8")
    sections = dict(section.split("\n", 1) for section in reference.split("\n### "))
    table, seen = "Top level", 0
    for line in switched_on(check("init")[0]):
        if line.startswith("["):
            table = line
            assert table in sections, line
        else:
            assert f"\n| `{line.split(' = ')[0]}` | " in sections[table], (table, line)
            seen += 1
    assert seen > 20
