"""Everything that the double holds, with indices by id, UUID and value."""

import contextlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from tests.misp.accounts import Accounts, User
from tests.misp.answers import internal
from tests.misp.records import Attribute, Event, Object, Sighting, Tag
from tests.misp.warninglists import Warninglists

LARGEST_INTEGER = 2**31 - 1
"""The largest timestamp that the database stores."""


class State:
    """The database of a server, and its settings. `lock` is held while a request is processed."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self.lock = threading.RLock()
        self.clock = clock
        self.accounts = Accounts()
        self.warninglists = Warninglists()
        self.events: dict[int, Event] = {}
        self.attributes: dict[int, Attribute] = {}
        self.objects: dict[int, Object] = {}
        self.tags: dict[int, Tag] = {}
        self.sightings: dict[int, Sighting] = {}
        self.event_uuids: dict[str, Event] = {}
        self.attribute_uuids: dict[str, Attribute] = {}
        self.object_uuids: dict[str, Object] = {}
        self.tag_names: dict[str, Tag] = {}
        self.sighting_uuids: set[str] = set()
        self.sightings_of: dict[int, list[Sighting]] = defaultdict(list)
        self.by_value: dict[str, dict[int, Attribute]] = defaultdict(dict)
        self.sharing_groups: dict[int, str] = {}
        """The sharing groups that all users may use, by id with their names."""
        self.blocklist: dict[str, str] = {}
        """The UUIDs of deleted events, with their infos."""
        self.queue: deque[int] = deque()
        """The ids of events whose publication is queued."""
        self.searches: dict[int, list[float]] = defaultdict(list)
        self.is_live = True
        self.is_redis_up = True
        self.has_sessions_in_redis = True
        self.is_database_up = True
        self.is_php_up = True
        self.has_jobs = True
        """False: without background jobs, publishing is done at once."""
        self.is_worker_alive = True
        self.publish_seconds = 0.0
        """The time that the worker needs for one publication."""
        self.edits_existing_event = False
        """True: `upload_stix` edits the event that it finds, as MISP does since July 2025."""
        self.last: dict[str, int] = defaultdict(int)
        """The last id of each kind of record."""

    def now(self) -> int:
        """Returns the time in seconds."""
        return int(self.clock())

    def number(self, kind: str) -> int:
        """Returns the next id of a kind of record."""
        self.last[kind] += 1
        return self.last[kind]

    def stamp(self, sent: dict) -> int:
        """Returns the timestamp in a record, or the time now."""
        given = sent.get("timestamp")
        if given in (None, ""):
            return self.now()
        if not str(given).isdigit() or int(given) > LARGEST_INTEGER:
            raise internal()
        return int(given)

    def is_older(self, sent: dict, stored: int) -> bool:
        """Returns true if a record has a timestamp that is not newer than the stored one."""
        return sent.get("timestamp") not in (None, "") and self.stamp(sent) <= stored

    def group(self, sent: dict) -> int | None:
        """Returns the id of the sharing group in a record: 0 without one, none for an unknown
        one.
        """
        if str(sent.get("distribution")) != "4":
            return 0
        number = str(sent.get("sharing_group_id", ""))
        return int(number) if number.isdigit() and int(number) in self.sharing_groups else None

    @contextlib.contextmanager
    def unlocked(self) -> Iterator[None]:
        """Lets other requests in while a request does something that needs no state."""
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def event(self, name: str, user: User | None = None) -> Event | None:
        """Returns the event with an id or a UUID, if the user may see it."""
        name = str(name).lower()
        found = self.events.get(int(name)) if name.isdigit() else self.event_uuids.get(name)
        return found if found and (user is None or self.sees(user, found)) else None

    def attribute(self, name: str) -> Attribute | None:
        """Returns the attribute with an id or a UUID."""
        name = str(name).lower()
        return self.attributes.get(int(name)) if name.isdigit() else self.attribute_uuids.get(name)

    def object(self, name: str) -> Object | None:
        """Returns the object with an id or a UUID."""
        name = str(name).lower()
        return self.objects.get(int(name)) if name.isdigit() else self.object_uuids.get(name)

    def sees(self, user: User, event: Event) -> bool:
        """Returns true if the user may see an event."""
        return user.is_admin or event.org is user.org or event.distribution > 0

    def sees_attribute(self, user: User, attribute: Attribute) -> bool:
        """Returns true if the user may see an attribute."""
        own = user.is_admin or attribute.event.org is user.org
        return own or (self.sees(user, attribute.event) and attribute.distribution > 0)

    def owns(self, user: User, event: Event) -> bool:
        """Returns true if the user may change an event."""
        return user.is_admin or (event.orgc is user.org and user.may("perm_modify"))

    def index(self, attribute: Attribute) -> None:
        """Adds an attribute to the indices by value."""
        if attribute.parent is None:
            attribute.event.values.setdefault(attribute.identity, []).append(attribute)
        for value in {attribute.value1.lower(), attribute.value2.lower()} - {""}:
            self.by_value[value][attribute.id] = attribute

    def unindex(self, attribute: Attribute) -> None:
        """Takes an attribute out of the indices by value, before its value changes."""
        if attribute.parent is None:
            attribute.event.values[attribute.identity].remove(attribute)
        for value in {attribute.value1.lower(), attribute.value2.lower()} - {""}:
            self.by_value[value].pop(attribute.id, None)

    def forget(self, attribute: Attribute) -> None:
        """Deletes an attribute for good."""
        self.unindex(attribute)
        del self.attributes[attribute.id], self.attribute_uuids[attribute.uuid]
        attribute.event.attributes.pop(attribute.id, None)
        if attribute.parent:
            attribute.parent.attributes.pop(attribute.id, None)
        for each in self.sightings_of.pop(attribute.id, ()):
            self.sightings.pop(each.id, None)
