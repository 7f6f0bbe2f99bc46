"""Random rounds, compared with a model of the rules.

Between two rounds, feeds, allow-list, confidence, validity, markings, limits and retractions
change, logs and records rotate, logs and sources disappear and come back, matches are muted, the
clock jumps, feeds break, and an earlier state is restored. Some rounds are killed. `make test` does
80 rounds with 20 kills; `make endurance` does 2,000 with 200. A failure prints the seed:
THREATSIEVE_SEED repeats it.
"""

import contextlib
import os
import random
import sqlite3

import pytest

from tests.rules import Indicator
from tests.seeds import SEED
from tests.simulation.events import Events
from tests.simulation.world import IDS, World

ROUNDS, KILLS = (2000, 200) if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else (80, 20)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, random.Random(SEED))


def publish(world: World, *values: str, **details) -> None:
    """Publishes the next version of an indicator with these values."""
    before = world.stix.versions.get(IDS[0])
    version = before.version + 1 if before else 1
    world.stix.versions[IDS[0]] = Indicator(values, version=version, **details)
    world.stix.listed.add(IDS[0])


def test_rounds_follow_the_rules_whatever_happens_between_and_within_them(world):
    rng = world.rng
    events = Events(world, rng)
    world.append(world.logs["access"], 30)
    world.round()
    kills = number = 0
    happened: list[str] = []
    try:
        while number < ROUNDS or kills < KILLS:
            number += 1
            happened = events.happen()
            may_kill = rng.random() < 1.5 * (KILLS - kills) / max(1, ROUNDS - number)
            kills += events.round(may_kill)
        # In the end everything is there, and nothing waits.
        events.settle()
        world.round(accept_clock=True)
        world.round()
        assert not world.model.builds.is_changed and not world.model.builds.is_held
    except AssertionError as error:
        what = f"THREATSIEVE_SEED={SEED}, round {number}, after {', '.join(happened)}"
        raise AssertionError(f"{what}\n{error}") from error


# Faults that the model found. Each round is compared with it.


def test_a_flag_that_returns_has_the_details_of_the_present_version(world):
    world.append(world.logs["access"], 100)
    publish(world, "a.example", confidence=10, tlp="clear")
    world.round()
    publish(world, "a.example", is_revoked=True)
    world.round()
    publish(world, "www.a.example", confidence=90, tlp="red")
    world.round()
    assert {flag.tlp for flag in world.model.flags.values()} == {"red"}


@pytest.mark.parametrize("how", ["retracted", "allowed"])
def test_an_event_stays_flagged_if_another_value_of_its_indicator_counts(world, how):
    world.append(world.logs["access"], 100)
    publish(world, "a.example")
    world.round()
    publish(world, "www.a.example")
    world.round()
    if how == "retracted":
        world.retract("a.example")
        world.model.retract("a.example")
    else:
        world.allow.values = {"a.example"}
    world.round()
    assert {flag.value for flag in world.model.flags.values()} == {"www.a.example"}


def test_a_less_specific_value_flags_what_a_retracted_one_flagged(world):
    world.append(world.logs["access"], 100)
    publish(world, "a.example", "www.a.example")
    world.round()
    world.retract("www.a.example")
    world.model.retract("www.a.example")
    world.round()
    assert {flag.value for flag in world.model.flags.values()} == {"a.example"}


def test_a_mail_that_was_not_tried_yet_is_not_stuck(world):
    world.append(world.logs["access"], 100)
    publish(world, "a.example")
    world.round()
    # The program was killed before it sent the mails, and the machine was off for three days.
    with contextlib.closing(sqlite3.connect(world.folder / "state/state.db")) as state:
        state.execute("UPDATE mails SET state = 0, attempts = 0, sent = NULL")
        state.commit()
    world.days = 3
    world.round(accept_clock=True)
