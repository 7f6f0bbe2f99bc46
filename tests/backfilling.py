"""A controller that matches and follows the events of indices on a node."""

import json
import re
from pathlib import Path

from tests import program, stix
from tests.engines import Node
from tests.polling import toml


class Backfilling:
    """A controller with a state and a blacklist of its own, one STIX bundle as its feed, and a
    folder for mails.
    """

    def __init__(self, folder: Path, node: Node, name: str, *indices: str, push=False, **settings):
        """Writes the configuration. `settings` are those of `[opensearch.backfill]`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.node, self.name = folder, node, name
        self.mails, self.bundle = folder / "mails", folder / "bundle.json"
        self.mails.mkdir(exist_ok=True)
        self.tables = {
            "blacklist": {"name": name, "max_shrink": 1.0},
            "output": {"file": folder / "matches.ndjson"},
            "history": {"window": "3650d"},
            "alerts": {
                "from": "threatsieve@example.org",
                "recipients": ["soc@example.org"],
                "folder": self.mails,
            },
            "opensearch": {"hosts": [node.url], "push": push, "connect_timeout": "10s"},
            "opensearch.backfill": {
                "indices": list(indices),
                "new_events": "pipeline" if push else "controller",
                # Nobody else needs the node.
                "busy_percent": 100,
                **settings,
            },
            "feeds": {
                "name": "feed", "type": "path", "path": "bundle.json", "max_shrink": 1.0,
            },
        }  # fmt: skip
        self.config, self.more = folder / "threatsieve.toml", ""
        self.write()

    def write(self) -> None:
        """Writes the configuration again, after `tables` or `more` changed."""
        text = [f"state = {toml(str(self.folder / 'state'))}"]
        for table, values in self.tables.items():
            text.append(f"[[{table}]]" if table == "feeds" else f"[{table}]")
            text += [f"{key} = {toml(value)}" for key, value in values.items()]
        program.write(self.config, *text, self.more)

    def sign_in(self, user: str, password: str, **settings) -> None:
        """Changes the user. `settings` are those of `[opensearch]`."""
        file = password_file(self.folder, password)
        self.tables["opensearch"] |= {"user": user, "password": {"file": file}, **settings}
        self.write()

    def publish(self, *objects: dict) -> None:
        """Replaces the content of the feed."""
        stix.write(self.bundle, *objects)

    def run(self, *arguments, **options) -> str:
        """Runs a command with this configuration and returns its output."""
        return program.run(*arguments, "--config", self.config, **options).stdout.decode()

    def poll(self, expect: int | None = program.DONE) -> dict:
        """Runs a round and returns its whole report."""
        return json.loads(self.run("poll", "--force", "--json", expect=expect))

    def backfill(self, *arguments, expect: int | None = program.DONE) -> dict:
        """Returns the parsed output of `backfill --json`."""
        return json.loads(self.run("backfill", "--json", *arguments, expect=expect))

    def status(self) -> dict:
        """Returns the parsed `status`."""
        return json.loads(self.run("status", "--json", expect=None))

    def letters(self) -> list[str]:
        """Returns the mails so far, in their order."""
        return [path.read_text(encoding="utf-8") for path in sorted(self.mails.glob("*.eml"))]

    def told(self) -> int:
        """Returns the number of events in all mails, by their subjects."""
        subjects = [
            re.sub(r"\r?\n ", " ", letter.partition("\n\n")[0]) for letter in self.letters()
        ]
        found = [re.search(r"([\d,]+) events?[ ,]", each) for each in subjects]
        return sum(int(each[1].replace(",", "")) for each in found if each)


def password_file(folder: Path, password: str) -> Path:
    """Returns a file with a password that only its owner can read."""
    path = program.write(folder / "password", password)
    path.chmod(0o600)
    return path


def claims(node: Node, folder: Path, user: tuple[str, str] | None = None, **settings) -> None:
    """Creates the index of claims and the component template, as `template --put` does. `settings`
    are those of `[opensearch]`.
    """
    if user is not None:
        settings["user"] = user[0]
        settings["password"] = {"file": password_file(folder, user[1])}
    config = program.write(
        folder / "template.toml",
        'state = "state"',
        "[opensearch]",
        f"hosts = [{toml(node.url)}]",
        *(f"{key} = {toml(value)}" for key, value in settings.items()),
    )
    program.run("opensearch", "template", "--put", "--config", config)


def flagged(document: dict) -> set[str]:
    """Returns the ids of the indicators in an event's enrichments."""
    return {each["indicator"]["id"] for each in document.get("threat", {}).get("enrichments", [])}
