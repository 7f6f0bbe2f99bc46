"""Kills the controller at random moments while it sends to the MISP test double. Afterwards, the
double holds what the feed says: nothing is missing, and nothing is there twice.
"""

import os
import random
import signal
import time

import pytest

from tests import misp, program, seeds
from tests.forwarding import Forwarding

KILLS = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20


@pytest.mark.parametrize("way", ["add", "edit"])
def test_kills_lose_and_double_nothing(tmp_path, way):
    chance = random.Random(seeds.SEED)
    with misp.running() as server:
        feed = {"name": "list", "type": "path", "path": "list.txt", "max_shrink": 1.0}
        forwarding = Forwarding(tmp_path, server, feed)
        values = [f"h{number}.example" for number in range(40)]
        wanted: set[str] = set()
        for number in range(KILLS // 2):
            # Each kill has something new to interrupt.
            if way == "add":
                wanted |= {f"n{number}-{value}" for value in values}
            else:
                wanted = {value for value in values if chance.random() < 0.5} | {"k.example"}
            program.write(tmp_path / "list.txt", *sorted(wanted))
            with program.start(
                "poll", "--force", "--config", forwarding.path,
                env={**os.environ, **forwarding.environment},
            ) as running:  # fmt: skip
                time.sleep(chance.uniform(0.02, 0.25))
                running.send_signal(signal.SIGKILL)
        forwarding.forward_all()
        held = forwarding.held()
        on = {value for (_, value), (to_ids, deleted) in held.items() if to_ids and not deleted}
        assert on == wanted
        uuids = [one["uuid"] for one in server.attributes()]
        assert len(uuids) == len(set(uuids))
        assert server.errors == []
