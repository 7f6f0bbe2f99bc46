"""Records that the double keeps: events, attributes, objects, tags and sightings."""

from dataclasses import dataclass, field

from tests.misp.accounts import Organisation, User


@dataclass(slots=True, eq=False)
class Tag:
    """A tag."""

    id: int
    name: str
    colour: str


@dataclass(slots=True, eq=False)
class Attribute:
    """An attribute. `parent` is its object, if it has one."""

    id: int
    event: "Event"
    uuid: str
    type: str
    category: str
    value1: str
    value2: str
    to_ids: bool
    timestamp: int
    parent: "Object | None" = None
    relation: str | None = None
    distribution: int = 5
    comment: str = ""
    deleted: bool = False
    disable_correlation: bool = False
    first_seen: str | None = None
    last_seen: str | None = None
    sharing_group: int = 0
    tags: list[Tag] = field(default_factory=list)

    @property
    def value(self) -> str:
        """Returns the whole value."""
        return f"{self.value1}|{self.value2}" if self.value2 else self.value1

    @property
    def identity(self) -> tuple:
        """Returns the fields of which an event holds each combination only once."""
        return (self.type, self.category, self.value1, self.value2)


@dataclass(slots=True, eq=False)
class Object:
    """A MISP object."""

    id: int
    event: "Event"
    uuid: str
    name: str
    meta_category: str
    description: str
    template_uuid: str
    template_version: str
    timestamp: int
    distribution: int = 0
    comment: str = ""
    deleted: bool = False
    first_seen: str | None = None
    last_seen: str | None = None
    references: list[dict] = field(default_factory=list)
    attributes: dict[int, Attribute] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class EventTag:
    """The attachment of a tag to an event."""

    id: int
    tag: Tag


@dataclass(slots=True, eq=False)
class Event:
    """An event with everything in it."""

    id: int
    uuid: str
    org: Organisation
    orgc: Organisation
    user: User
    info: str
    date: str
    timestamp: int
    threat_level: int = 4
    analysis: int = 0
    distribution: int = 1
    published: bool = False
    publish_timestamp: int = 0
    extends_uuid: str = ""
    sharing_group: int = 0
    disable_correlation: bool = False
    is_filling: bool = False
    """True while `events/add` still stores attributes."""
    attribute_count: int = 0
    """MISP's own counter, which a revival does not raise."""
    attributes: dict[int, Attribute] = field(default_factory=dict)
    objects: dict[int, Object] = field(default_factory=dict)
    tags: list[EventTag] = field(default_factory=list)
    values: dict[tuple, list[Attribute]] = field(default_factory=dict)
    """The attributes outside of objects by their identity."""


@dataclass(slots=True, eq=False)
class Sighting:
    """A sighting of an attribute."""

    id: int
    attribute: Attribute
    org: Organisation
    date: int
    uuid: str
    source: str
    type: int

    def form(self) -> dict:
        """Returns the form of `sightings/add`."""
        return {
            "id": str(self.id), "attribute_id": str(self.attribute.id),
            "event_id": str(self.attribute.event.id), "org_id": str(self.org.id),
            "date_sighting": str(self.date), "uuid": self.uuid, "source": self.source,
            "type": str(self.type),
        }  # fmt: skip

    def full(self) -> dict:
        """Returns the form inside events and lists."""
        org = {"id": str(self.org.id), "uuid": self.org.uuid, "name": self.org.name}
        return self.form() | {"attribute_uuid": self.attribute.uuid, "Organisation": org}
