"""Everything that a double holds, as plain values to compare item by item."""

from tests.misp import tags
from tests.misp.records import Attribute
from tests.misp.state import State


def events(state: State) -> list[dict]:
    """Returns the events in the order of their ids, without their attributes."""
    with state.lock:
        return [
            {
                "uuid": each.uuid, "info": each.info, "org": each.org.name,
                "orgc": each.orgc.name, "date": each.date, "timestamp": each.timestamp,
                "distribution": each.distribution, "sharing_group": each.sharing_group,
                "analysis": each.analysis,
                "threat_level": each.threat_level, "published": each.published,
                "publish_timestamp": each.publish_timestamp,
                "tags": sorted(tag.name for tag in tags.attached(each)),
                "objects": len([one for one in each.objects.values() if not one.deleted]),
                "attributes": sum(
                    len(one.attributes) for one in (each, *each.objects.values())
                ),
            }
            for each in state.events.values()
        ]  # fmt: skip


def attributes(state: State) -> list[dict]:
    """Returns the attributes in the order of their ids, deleted ones too."""
    with state.lock:
        return [_attribute(each) for each in state.attributes.values()]


def _attribute(each: Attribute) -> dict:
    parent = each.parent
    return {
        "event": each.event.uuid, "uuid": each.uuid, "type": each.type,
        "category": each.category, "value": each.value, "to_ids": each.to_ids,
        "deleted": each.deleted or (parent is not None and parent.deleted),
        "comment": each.comment, "timestamp": each.timestamp,
        "first_seen": each.first_seen, "last_seen": each.last_seen,
        "distribution": each.distribution, "sharing_group": each.sharing_group,
        "disable_correlation": each.disable_correlation,
        "object": parent.uuid if parent else None, "object_name": parent.name if parent else None,
        "object_relation": each.relation, "tags": sorted(tag.name for tag in each.tags),
    }  # fmt: skip


def sightings(state: State) -> list[dict]:
    """Returns the sightings in the order of their ids."""
    with state.lock:
        return [
            {"attribute": each.attribute.uuid, "type": each.type, "source": each.source,
             "date": each.date, "uuid": each.uuid, "org": each.org.name}
            for each in state.sightings.values()
        ]  # fmt: skip
