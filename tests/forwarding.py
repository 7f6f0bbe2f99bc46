"""A controller that sends the indicators of feeds to the MISP test double."""

import json
import time
from pathlib import Path

from tests import misp, program
from tests.polling import Polling, toml

KINDS = {
    "domain-name": "domain", "ipv4-addr": "ip-dst", "ipv6-addr": "ip-dst", "url": "url",
    "email-addr": "email-src",
}  # fmt: skip
"""The types of MISP's attributes for single values of STIX."""


class Forwarding(Polling):
    """A configuration whose feeds go to doubles, and what these hold."""

    def __init__(
        self,
        folder: Path,
        server: misp.Misp,
        *feeds: dict,
        key: str | None = None,
        others: dict[str, misp.Misp] | None = None,
        **settings,
    ):
        """Names the double `soc`. `settings` are those of its [[misp]] table."""
        super().__init__(folder, *({"misp": ["soc"], **feed} for feed in feeds))
        self.server, self.folder = server, folder
        self.key = folder / "misp.key"
        self.use_key(key or server.key)
        text = self.path.read_text(encoding="utf-8")
        for name, double in {"soc": server, **(others or {})}.items():
            table = {"name": name, "url": double.url, "key": {"file": str(self.key)}, **settings}
            text += "[[misp]]\n" + "".join(
                f"{key} = {toml(value)}\n" for key, value in table.items()
            )
        self.path.write_text(text, encoding="utf-8")

    def use_key(self, key: str) -> None:
        """Replaces the file with the key."""
        program.write(self.key, key)
        self.key.chmod(0o600)

    def run(self, *arguments, expect: int | None = program.DONE) -> str:
        """Runs a command with this configuration."""
        result = program.run(*arguments, "--config", self.path, expect=expect, env=self.environment)
        return result.stdout.decode()

    def forward(self, expect: int | None = program.DONE) -> dict:
        """Runs a round. Returns its report on the server."""
        report = json.loads(self.run("poll", "--force", "--json", expect=expect))
        return next(one for one in report["misp"] if one["name"] == "soc")

    def forward_all(self, rounds: int = 12) -> dict:
        """Lets everything be tried again until a round leaves nothing. Returns its report."""
        for _ in range(rounds):
            self.run("misp", "retry")
            report = self.forward(expect=None)
            unsent = ("waiting", "retried", "failed", "uncertain", "error", "paused")
            if not any(report[one] for one in unsent):
                return report
            time.sleep(0.3)  # The server may still be working.
        raise AssertionError(f"after {rounds} rounds: {report}\n{self.run('misp', 'failed')}")

    def misp(self) -> dict:
        """Returns the server in `misp list`."""
        lines = [json.loads(line) for line in self.run("misp", "--json").splitlines()]
        return next(one for one in lines if one["name"] == "soc")

    def failed(self) -> list[dict]:
        """Returns what `misp failed` lists."""
        return [json.loads(line) for line in self.run("misp", "failed", "--json").splitlines()]

    def conditions(self) -> dict[str, str]:
        """Returns the present conditions, by kind."""
        status = json.loads(self.run("status", "--json"))
        return {one["kind"]: one["what"] for one in status["conditions"]}

    def held(self) -> dict[tuple[str, str], tuple[bool, bool]]:
        """Returns all attributes of the double: type and value, `to_ids` and whether deleted. Each
        value is there once in each event, so a double one is an error.
        """
        held = {}
        for one in self.server.attributes():
            key = (one["type"], one["value"])
            assert key not in held or one["object"], f"{key} is there twice"
            held[key] = (one["to_ids"], one["deleted"])
        return held

    def writes(self) -> int:
        """Returns the number of requests so far that write events."""
        return sum(
            one.method == "POST" and "/events/" in one.path and "index" not in one.path
            for one in self.server.requests
        )


def active(kind: str, *values: str) -> dict[tuple[str, str], tuple[bool, bool]]:
    """Returns attributes as `held` does, for detection."""
    return {(kind, value): (True, False) for value in values}
