"""A configuration with feeds, and the program's reports on them after a round."""

import json
from pathlib import Path

from tests import program


class Polling:
    """A state of its own, and the feeds that fill it."""

    def __init__(
        self, folder: Path, *feeds: dict, http: dict | None = None, environment: dict | None = None
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "threatsieve.toml"
        self.environment = {
            "NO_PROXY": "",
            "HTTP_PROXY": "",
            "HTTPS_PROXY": "",
            "ALL_PROXY": "",
            **(environment or {}),
        }
        text = [
            f"state = {toml(str(folder / 'state'))}",
            "[http]",
            *(f"{key} = {toml(value)}" for key, value in (http or {}).items()),
        ]
        for feed in feeds:
            text += ["[[feeds]]", *(f"{key} = {toml(value)}" for key, value in feed.items())]
        program.write(self.path, *text)

    def poll(self, expect: int | None = program.DONE, **options) -> str:
        """Runs one round, even if feeds are waiting after a failure. Returns its standard error."""
        result = program.run(
            "poll", "--force", "--config", self.path, expect=expect, env=self.environment, **options
        )
        return result.stderr.decode()

    def poll_json(self) -> dict:
        """Runs one round. Returns the parsed report."""
        output = program.run(
            "poll", "--force", "--json", "--config", self.path, env=self.environment
        ).stdout
        return json.loads(output)

    def poll_due(self) -> None:
        """Runs one round, without the feeds that are waiting after a failure."""
        program.run("poll", "--config", self.path, expect=None, env=self.environment)

    def feed(self, name: str) -> dict:
        """Returns the part of `status` about one feed."""
        status = json.loads(
            program.run("status", "--json", "--config", self.path, env=self.environment).stdout
        )
        return next(feed for feed in status["feeds"] if feed["name"] == name)

    def active(self, name: str) -> int:
        """Returns the number of a feed's active indicators."""
        return self.feed(name)["active"]

    def fails(self, name: str) -> str:
        """Runs a round in which this feed fails. Returns its error."""
        self.poll(expect=program.REMOTE)
        return self.feed(name)["error"]

    def indicators(self, text: str) -> list[dict]:
        """Returns the active indicators that contain this text."""
        output = program.run(
            "indicators", text, "--json", "--config", self.path, env=self.environment
        ).stdout
        return [json.loads(line) for line in output.splitlines()]

    def manifest(self, name: str, *arguments: str) -> list[dict]:
        """Returns the manifest of a feed's collection."""
        output = program.run(
            "feeds", "manifest", name, *arguments, "--json", "--config", self.path,
            env=self.environment,
        ).stdout  # fmt: skip
        return [json.loads(line) for line in output.splitlines()]

    def push(self, name: str, file: Path, expect: int = program.DONE) -> dict:
        """Adds the objects of a file to a feed's collection. Returns the parsed report."""
        output = program.run(
            "feeds", "push", name, file, "--json", "--config", self.path,
            expect=expect, env=self.environment,
        ).stdout  # fmt: skip
        return json.loads(output)["pushed"]

    def push_fails(self, name: str, file: Path, expect: int) -> str:
        """Adds objects, which fails with this exit code. Returns the standard error."""
        return program.run(
            "feeds", "push", name, file, "--config", self.path,
            expect=expect, env=self.environment,
        ).stderr.decode()  # fmt: skip

    def check(self, expect: int | None = program.DONE) -> str:
        """Returns the output of `config check`."""
        return program.run(
            "config", "check", "--config", self.path, expect=expect, env=self.environment
        ).stdout.decode()


def toml(value) -> str:
    """Formats a value as TOML. JSON's strings, numbers and lists are valid TOML."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value)
