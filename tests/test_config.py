"""The configuration as its writer meets it: what is wrong is told with its place, and secrets are never shown."""

from tests import program

EXAMPLE = program.ROOT / "tests/example/threatsieve.toml"
SECRET = "hunter2-hunter2"


def check(*arguments, **options):
    result = program.run("config", *arguments, **options)
    return result.stdout.decode(), result.stderr.decode()


def test_the_example_holds():
    out, _ = check("check", "--offline", "--config", EXAMPLE)
    assert "feed    bundle" in out and "log     proxy" in out


def test_every_problem_is_told_with_its_place(tmp_path):
    file = program.write(tmp_path / "t.toml", 'state = "s"', "[http]", "idle_timout = 1", "[matching]", "exact = 3")
    _, err = check("check", "--offline", "--config", file, expect=program.USAGE)
    assert f"{file}:3:1: http.idle_timout: " in err and "did you mean `idle_timeout`?" in err
    assert f"{file}:5:9: matching.exact: expected true or false, got 3" in err


def test_secrets_are_never_shown(tmp_path):
    feed = ['state = "s"', "[[feeds]]", 'name = "a"', 'type = "url"', 'url = "https://example.org/"']
    plain = program.write(tmp_path / "plain.toml", *feed, f'token = "{SECRET}"')
    for verb in ("check", "show"):
        out, err = check(verb, "--config", plain, expect=program.USAGE)
        assert SECRET not in out + err and "not written into the configuration" in err
    placed = program.write(tmp_path / "placed.toml", *feed, 'token = { env = "TOKEN" }')
    out, err = check("show", "--config", placed, env={"TOKEN": SECRET})
    assert SECRET not in out + err and 'feeds.a.token.env = "TOKEN"' in out


def test_the_reference_is_the_programs():
    printed = program.run("reference").stdout.decode()
    written = (program.ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert written == printed, "run: target/release/threatsieve reference > docs/reference.md"
