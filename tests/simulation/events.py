"""Random events between two rounds, and random rounds."""

from random import Random

from tests.rules import Mute
from tests.simulation.logs import BEGIN
from tests.simulation.publishers import CANARY
from tests.simulation.world import HOSTS, IDS, SOURCES, VALUES, World


class Events:
    """The events that can happen to a world, each with how often it happens."""

    def __init__(self, world: World, rng: Random):
        self.world, self.rng = world, rng
        self.weights = {
            self.append: 6,
            self.change_list: 3,
            self.change_bulk: 1,
            self.change_canary: 1,
            self.empty_list: 0.3,
            self.change_allowed: 3,
            self.change_indicator: 6,
            self.change_confidence: 2,
            self.change_tlp: 2,
            self.change_limits: 2,
            self.allow_feed: 2,
            self.retract: 4,
            self.mute: 2,
            self.unmute: 1,
            self.rotate_log: 3,
            self.delete_log: 0.5,
            self.copy_log: 0.5,
            self.move_log: 2,
            self.unmount: 1,
            self.change_sources: 1,
            self.rotate_records: 2,
            self.set_clock: 2,
            self.back_up: 1,
        }

    def happen(self) -> list[str]:
        """Lets a few events happen, and returns their names."""
        events = self.rng.choices(
            list(self.weights), list(self.weights.values()), k=self.rng.randint(1, 4)
        )
        for event in events:
            event()
        return [event.__name__ for event in events]

    # Logs.

    def append(self) -> None:
        log = self.rng.choice(list(self.world.logs.values()))
        self.world.append(log, self.rng.choice([1, 3, 30, 200]), self.rng.random() < 0.2)

    def rotate_log(self) -> None:
        log = self.rng.choice(list(self.world.logs.values()))
        log.rotate(by_copy=self.rng.random() < 0.5, compress=self.rng.random() < 0.5)

    def delete_log(self) -> None:
        self.rng.choice(list(self.world.logs.values())).delete_oldest()

    def copy_log(self) -> None:
        log = self.rng.choice(list(self.world.logs.values()))
        if log.rotated:
            log.copy(self.rng.choice(log.rotated))

    def move_log(self) -> None:
        """Takes a rotated file away, or brings it back."""
        log = self.rng.choice(list(self.world.logs.values()))
        if log.rotated and not log.is_away:
            file = self.rng.choice(log.rotated)
            (log.bring_back if file.is_away else log.take_away)([file])

    def unmount(self) -> None:
        """Takes all files of a log away, or brings them back."""
        log = self.rng.choice(list(self.world.logs.values()))
        (log.bring_back if log.is_away else log.take_away)(log.files())

    def change_sources(self) -> None:
        """Renames sources, removes one, or adds one that has all logs."""
        self.world.sources = self.rng.choice(
            [
                {"proxy": ["access"], "web": ["web"]},
                {"proxy": ["access"], "web": ["web"]},
                {"renamed": ["access"], "web": ["web"]},
                {"web": ["access"], "proxy": ["web"]},
                {"proxy": ["access"]},
                {"web": ["web"]},
                {"all": ["access", "web"], "proxy": ["access"]},
                {"web": ["web"], "all": ["access", "web"]},
            ]
        )

    def rotate_records(self) -> None:
        by_copy, compress = self.rng.random() < 0.5, self.rng.random() < 0.5
        self.world.records.rotate(by_copy, compress)

    # Feeds.

    def change_list(self) -> None:
        self.world.list.values = set(self.rng.sample(VALUES, self.rng.randint(0, 5)))

    def change_allowed(self) -> None:
        self.world.allow.values = set(self.rng.sample(VALUES, self.rng.choice([0, 0, 1, 2])))

    def change_bulk(self) -> None:
        feed = self.rng.choice([self.world.list, self.world.stix])
        feed.has_bulk = not feed.has_bulk

    def change_canary(self) -> None:
        self.world.list.has_canary = self.rng.random() < 0.7

    def empty_list(self) -> None:
        self.world.list.is_empty = self.rng.random() < 0.5

    def change_indicator(self) -> None:
        self.world.stix.change(BEGIN + len(self.world.lines))

    # Settings.

    def change_confidence(self) -> None:
        self.world.settings.policy.min_confidence = self.rng.choice([0, 30, 70])

    def change_tlp(self) -> None:
        self.world.settings.policy.max_tlp = self.rng.choice(["green", "amber", "red"])

    def change_limits(self) -> None:
        settings = self.world.settings
        hold = self.rng.choice([settings.holds["list"], settings.holds["stix"], settings.blacklist])
        hold.max_shrink = self.rng.choice([0.5, 1.0])
        if hold is not settings.holds["stix"]:
            hold.canary = self.rng.choice([None, None, CANARY])

    # Operators.

    def allow_feed(self) -> None:
        self.world.allow_feed(self.rng.choice(["list", "stix"]))

    def retract(self) -> None:
        retracted = sorted(self.world.model.retracted)
        if retracted and self.rng.random() < 0.6:
            self.world.undo_retract(self.rng.choice(retracted))
            return
        target = self.target()
        if target is not None:
            self.world.retract(target)
            self.world.model.retract(target)

    def target(self) -> str | None:
        """Returns a value or an id that is not retracted yet."""
        target = self.rng.choice([*VALUES, *IDS])
        return None if target in self.world.model.retracted else target

    def mute(self) -> None:
        mute = self.rng.choice(
            [
                Mute("indicator", self.rng.choice([*VALUES, *IDS])),
                Mute("host", self.rng.choice(HOSTS)),
                Mute("source", self.rng.choice(SOURCES)),
            ]
        )
        self.world.mute(mute, self.rng.choice([1, 7, 60]))

    def unmute(self) -> None:
        mutes = list(self.world.model.mails.mutes)
        if mutes:
            self.world.unmute(self.rng.choice(mutes))

    def set_clock(self) -> None:
        self.world.days = self.rng.choice([0, 0, 3, 40, -3, -100, 100])

    def back_up(self) -> None:
        if not self.world.model.composed and not self.world.model.news:
            self.world.back_up()

    # Rounds.

    def round(self, may_kill: bool) -> bool:
        """Does a round of some kind. Returns whether it was killed."""
        world, rng = self.world, self.rng
        world.settings.has_time = rng.random() < 0.7
        for feed in (world.list, world.stix):
            feed.is_broken = rng.random() < 0.07
        if world.backup and rng.random() < 0.03:
            # Nothing may be held back before the blacklist is there again.
            for hold in (*world.settings.holds.values(), world.settings.blacklist):
                hold.max_shrink, hold.canary = 1.0, None
            world.restore()
            return world.round(accept_clock=True)
        is_calm = world.model.clock.suspect is None and (
            abs(world.now - world.model.clock.last) < 80_000
        )
        if may_kill and is_calm:
            return world.round(kill_after=rng.uniform(0, 1.2 * world.seconds))
        target = self.target() if rng.random() < 0.15 else None
        return world.round(
            accept_clock=rng.random() < 0.2,
            retract=(rng.uniform(0, world.seconds), target) if target else None,
        )

    def settle(self) -> None:
        """Brings back all logs and the clock, repairs feeds, and lets through what is held."""
        world = self.world
        world.days, world.settings.has_time = 0, True
        for log in world.logs.values():
            log.bring_back(log.files())
        world.sources = {"proxy": ["access"], "web": ["web"]}
        for name in ("list", "stix"):
            world.feeds[name].is_broken = False
        for hold in (*world.settings.holds.values(), world.settings.blacklist):
            hold.max_shrink, hold.canary = 1.0, None
        world.list.is_empty = False
