"""A controller with one list and one log, and the cluster that it pushes to."""

import json
from pathlib import Path

from tests import program
from tests.polling import toml

DOMAINS = [f"host-{number}.example" for number in range(100)]
"""Enough domains that a list without most of them counts as shrunk."""


class Controller:
    """A controller with its own state and its own blacklist name."""

    def __init__(
        self, folder: Path, name: str, hosts: list[str], http: dict | None = None, **settings
    ):
        """Writes the configuration. `settings` are those of `[opensearch]`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self.list, self.log, self.records = (
            folder / "list.txt",
            folder / "access.log",
            folder / "flagged.ndjson",
        )
        self.log.touch()
        tables = {
            "schedule": {"every": "1s"}, "http": http or {},
            "blacklist": {"name": name, "max_shrink": 1.0},
            "output": {"file": self.records},
            "opensearch": {"hosts": hosts, "connect_timeout": "5s", **settings},
        }  # fmt: skip
        text = ['state = "state"']
        for table, values in tables.items():
            text += [f"[{table}]", *(f"{key} = {toml(value)}" for key, value in values.items())]
        text += [
            "[[feeds]]",
            'name = "list"',
            'type = "path"',
            'path = "list.txt"',
            "max_shrink = 1.0",
        ]
        text += [
            "[[logs]]",
            'name = "proxy"',
            'paths = ["access.log"]',
            "[history]",
            'window = "3650d"',
        ]
        self.config = program.write(folder / "threatsieve.toml", *text)

    def write_list(self, *values: str) -> None:
        """Replaces the content of the list."""
        program.write(self.list, *values)

    def visit(self, host: str) -> None:
        """Appends one line to the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(
                f"1795322415.357 0 10.1.2.3 TCP_MISS/200 603 GET http://{host}/ - "
                "HIER_DIRECT/192.0.2.7 text/html\n"
            )

    def run(self, *arguments, **options) -> str:
        """Runs a command with this configuration and returns its output."""
        return program.run(*arguments, "--config", self.config, **options).stdout.decode()

    def poll(self, expect: int = program.DONE) -> dict:
        """Runs a round and returns its report on the push."""
        return json.loads(self.run("poll", "--json", expect=expect))["push"]

    def push(self, *arguments, expect: int = program.DONE) -> dict:
        """Returns the parsed output of `push --json`."""
        return json.loads(self.run("push", "--json", *arguments, expect=expect))

    def status(self) -> dict:
        """Returns the part of `status` about the cluster."""
        return json.loads(self.run("status", "--json"))["opensearch"]

    def flagged(self) -> int:
        """Returns the number of events that were flagged in the log."""
        return len(self.records.read_text().splitlines()) if self.records.exists() else 0
