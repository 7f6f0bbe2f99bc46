"""Many pushes under bulk traffic: no event is lost, no request fails, and the node's memory does
not grow.

`make endurance` runs the full counts, which take half an hour on two cores: 1,000 pushes of 10,000
entries and 20 of a million. `make test` runs a few of them.
"""

import os
import statistics

import pytest

from tests import engines, pushing
from tests.pushing import built, push, push_in_parts
from tests.traffic import Traffic

EVIL = "evil.example"


FULL = os.environ.get("THREATSIEVE_ENDURANCE") == "full"
SMALL = (1000, 10_000, 250, push) if FULL else (60, 10_000, 30, push)
LARGE = (20, 1_000_000, 5, push_in_parts) if FULL else (4, 1_000_000, 2, push_in_parts)


@pytest.mark.parametrize(
    ("pushes", "entries", "warm_up", "way"), [SMALL, LARGE], ids=["small", "large"]
)
def test_pushes_under_traffic(pushes, entries, warm_up, way, tmp_path):
    values = [EVIL, *(f"host-{number}.example" for number in range(entries - 1))]
    memory = []
    # The whole heap is allocated at the start, so that a growth of memory is not the heap's.
    options = dict(
        plugins=[engines.plugin("3.8.0")], heap="1g", java_options=["-XX:+AlwaysPreTouch"]
    )
    with engines.node("3.8.0", **options) as node:
        pushing.set_pipeline(node, "flag", stamp="all")
        assert way(node, built(tmp_path, values, generation=1))["acknowledged"]
        with Traffic([node], "events", "flag", EVIL, pause=0.02) as traffic:
            for generation in range(2, pushes + 2):
                blacklist = built(tmp_path, values, generation=generation)
                answer = way(node, blacklist)
                assert answer["acknowledged"] and answer["generation"] == generation, answer
                blacklist.unlink()
                memory.append(node.pss())
        counts = traffic.account()
        assert counts["checked"] == counts["flagged"] * 2 and not counts["unchecked"], counts
        assert traffic.repeats == 0
        assert len(list(node.data.rglob("*.blacklist"))) == 1
    steady = memory[warm_up:]
    quarter = max(1, len(steady) // 4)
    before, after = statistics.median(steady[:quarter]), statistics.median(steady[-quarter:])
    # A blacklist of a million entries takes 30 MB or more, so a single one that remains would be
    # noticed.
    assert after - before < 20 << 20, [sample >> 20 for sample in memory]
