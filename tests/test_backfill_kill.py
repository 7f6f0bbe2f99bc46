"""Killed rounds: whatever the moment, in the end each event is flagged once and reported once."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from tests import program, seeds, stix
from tests.backfilling import Backfilling, claims, flagged
from tests.test_backfill import MAPPING, NUMBERS, event, stored

KILLS = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20
EVENTS = 300


@pytest.fixture
def node(opensearch_3, tmp_path):
    claims(opensearch_3, tmp_path)
    return opensearch_3


def hosts(number: int) -> list[str]:
    return [f"evil-{each}.example" for each in range(number)]


def killed(controller: Backfilling, seconds: float) -> None:
    """Starts a round, and kills it after a time."""
    process = subprocess.Popen(
        [str(program.BINARY), "poll", "--force", "--config", str(controller.config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_killed_rounds_lose_and_repeat_nothing(node, tmp_path):
    rng = random.Random(seeds.SEED)
    name = f"kill-{next(NUMBERS)}"
    node.put(
        f"/{name}",
        {"mappings": MAPPING, "settings": {"number_of_shards": 2, "number_of_replicas": 0}},
    )
    ids = [f"{number:04}" for number in range(EVENTS)]
    made = [event(number, f"evil-{number % 30}.example") for number in range(EVENTS)]
    node.bulk(name, made, ids=ids)
    controller = Backfilling(tmp_path / "c", node, name, name)
    objects = [
        stix.indicator(number + 1, f"[domain-name:value = '{host}']")
        for number, host in enumerate(hosts(30))
    ]
    started = time.monotonic()
    controller.publish(objects[0])
    controller.poll()
    whole = time.monotonic() - started
    listed = 1
    for _ in range(KILLS):
        listed = min(30, listed + rng.randint(0, 2))
        controller.publish(*objects[:listed])
        killed(controller, rng.uniform(0, 1.2 * whole))
    controller.publish(*objects)
    controller.poll()
    assert controller.poll()["backfill"]["events"] == 0
    for number, document in stored(node, name).items():
        indicator = stix.identifier(int(number) % 30 + 1)
        assert flagged(document) == {indicator}, number
        assert len(document["threat"]["enrichments"]) == 1
        assert len(document["threatsieve"]["flags"]) == 1
    assert controller.told() == EVENTS


def test_others_may_change_events_meanwhile(node, tmp_path):
    """Checks that a writer who changes the same events loses no change, and no flag is lost."""
    name = f"conflict-{next(NUMBERS)}"
    node.put(f"/{name}", {"mappings": MAPPING, "settings": {"number_of_replicas": 0}})
    ids = [f"{number:04}" for number in range(EVENTS)]
    node.bulk(name, [event(number, "evil.example") for number in range(EVENTS)], ids=ids)
    controller = Backfilling(tmp_path / "c", node, name, name)
    controller.publish(stix.indicator(1, "[domain-name:value = 'evil.example']"))
    written = dict.fromkeys(ids, 0)
    stop = threading.Event()

    def write() -> None:
        rng = random.Random(seeds.SEED)
        while not stop.is_set():
            number = rng.choice(ids)
            written[number] += 1
            body = {"doc": {"labels": {"count": written[number]}}}
            node.post(f"/{name}/_update/{number}?retry_on_conflict=10", body)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            controller.poll()
    finally:
        stop.set()
        writer.join()
    controller.poll()
    documents = stored(node, name)
    assert all(flagged(each) == {stix.identifier(1)} for each in documents.values())
    counts = {n: each.get("labels", {}).get("count", 0) for n, each in documents.items()}
    assert counts == written
    assert controller.told() == EVENTS
