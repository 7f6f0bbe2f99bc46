"""The table of actions: their functions, methods and permissions."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.misp import (
    attributes,
    events,
    objects,
    publishing,
    search,
    sightings,
    system,
    tags,
    upload,
    warninglists,
)
from tests.misp.answers import Answer
from tests.misp.request import Request
from tests.misp.state import State


@dataclass
class Action:
    """An action of a controller, and the permission that it needs."""

    run: Callable[[State, Request], Answer]
    permission: str = ""


ACTIONS = {
    ("servers", "getversion"): Action(system.version),
    ("servers", "getpymispversion"): Action(system.version),
    ("servers", "getworkers"): Action(system.workers, "perm_site_admin"),
    ("users", "view"): Action(system.view_user),
    ("events", "add"): Action(events.add, "perm_add"),
    ("events", "edit"): Action(events.edit, "perm_modify"),
    ("events", "view"): Action(events.view),
    ("events", "delete"): Action(events.delete, "perm_modify"),
    ("events", "index"): Action(events.index),
    ("events", "restsearch"): Action(search.search_events),
    ("events", "publish"): Action(publishing.publish, "perm_publish"),
    ("events", "alert"): Action(publishing.publish, "perm_publish"),
    ("events", "unpublish"): Action(publishing.unpublish, "perm_publish"),
    ("events", "upload_stix"): Action(upload.upload, "perm_modify"),
    ("event_blocklists", "index"): Action(events.blocked, "perm_site_admin"),
    ("event_blocklists", "delete"): Action(events.unblock, "perm_site_admin"),
    ("attributes", "add"): Action(attributes.add, "perm_add"),
    ("attributes", "edit"): Action(attributes.edit, "perm_modify"),
    ("attributes", "delete"): Action(attributes.delete, "perm_modify"),
    ("attributes", "restore"): Action(attributes.restore, "perm_modify"),
    ("attributes", "view"): Action(attributes.view),
    ("attributes", "describetypes"): Action(attributes.describe),
    ("attributes", "restsearch"): Action(search.search_attributes),
    ("objects", "add"): Action(objects.add, "perm_add"),
    ("objects", "edit"): Action(objects.edit, "perm_modify"),
    ("objects", "delete"): Action(objects.delete, "perm_modify"),
    ("objecttemplates", "view"): Action(objects.view_template),
    ("sharing_groups", "index"): Action(system.sharing_groups),
    ("tags", "attachtagtoobject"): Action(tags.attach_to_object, "perm_tagger"),
    ("tags", "removetagfromobject"): Action(tags.remove_from_object, "perm_tagger"),
    ("tags", "add"): Action(tags.add, "perm_tag_editor"),
    ("tags", "index"): Action(tags.index),
    ("sightings", "add"): Action(sightings.add, "perm_sighting"),
    ("sightings", "bulksavesightings"): Action(sightings.bulk, "perm_sighting"),
    ("sightings", "index"): Action(sightings.index),
    ("sightings", "listsightings"): Action(sightings.listed),
    ("sightings", "restsearch"): Action(sightings.search),
    ("sightings", "delete"): Action(sightings.delete, "perm_sighting"),
    ("warninglists", "index"): Action(warninglists.index),
    ("warninglists", "view"): Action(warninglists.view),
    ("warninglists", "toggleenable"): Action(warninglists.toggle, "perm_warninglist"),
    ("warninglists", "checkvalue"): Action(warninglists.check),
}
"""The actions by controller and name, in small letters."""


def find(parts: list[str]) -> tuple[Action | None, list[str]]:
    """Returns the action of a path, and the rest of the path."""
    controller = parts[0].lower() if parts else ""
    # A GET of only a controller is its index; /events/4 is a view, as in Location headers.
    if len(parts) == 1:
        return ACTIONS.get((controller, "index")), []
    if len(parts) == 2 and parts[1].isdigit():
        return ACTIONS.get((controller, "view")), parts[1:]
    return ACTIONS.get((controller, parts[1].lower())) if parts else None, parts[2:]
