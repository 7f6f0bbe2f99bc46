"""Organisations, roles, users and their API keys."""

from dataclasses import dataclass, field, replace

HOST_ORG = 1
"""The organisation that runs the server."""


@dataclass
class Organisation:
    """An organisation."""

    id: int
    name: str
    uuid: str
    is_local: bool = True
    """False for organisations that only events name."""

    def short(self, local: bool = False) -> dict:
        """Returns the form inside events."""
        form = {"id": str(self.id), "name": self.name, "uuid": self.uuid}
        return form | ({"local": self.is_local} if local else {})


FLAGS = (
    "perm_add perm_modify perm_modify_org perm_publish perm_delegate perm_sync perm_admin "
    "perm_audit perm_auth perm_site_admin perm_regexp_access perm_tagger perm_template "
    "perm_sharing_group perm_tag_editor perm_sighting perm_object_template perm_publish_zmq "
    "perm_publish_kafka perm_decaying perm_galaxy_editor perm_warninglist "
    "perm_view_feed_correlations perm_analyst_data"
).split()
READER = frozenset({"perm_auth"})
USER = frozenset(
    "perm_add perm_modify perm_modify_org perm_audit perm_auth perm_tagger perm_sighting "
    "perm_decaying perm_galaxy_editor perm_analyst_data".split()
)
PUBLISHER = USER | {
    "perm_publish", "perm_delegate", "perm_publish_zmq", "perm_publish_kafka",
}  # fmt: skip
SYNC = PUBLISHER | {"perm_sync", "perm_sharing_group", "perm_tag_editor"}


@dataclass
class Role:
    """Permissions of users."""

    id: int
    name: str
    permissions: frozenset[str]
    rate_limit: int = 0
    """The number of searches within a window; 0: no limit."""

    def form(self) -> dict:
        """Returns the form of `users/view`."""
        level = "3" if "perm_publish" in self.permissions else "0"
        return {
            "id": str(self.id), "name": self.name,
            "created": "2026-11-29 05:53:50", "modified": "2026-11-29 05:53:50",
            **{flag: flag in self.permissions for flag in FLAGS},
            "default_role": False, "memory_limit": None, "max_execution_time": None,
            "restricted_to_site_admin": False, "perm_skip_otp": False,
            "enforce_rate_limit": self.rate_limit > 0, "rate_limit_count": str(self.rate_limit),
            "permission": level,
            "permission_description": "publish" if level == "3" else "read_only",
        }  # fmt: skip


@dataclass
class User:
    """A user, as seen through one of its keys."""

    id: int
    email: str
    org: Organisation
    role: Role
    problem: str = ""
    """The reason why MISP rejects this key, if it does."""

    def may(self, permission: str) -> bool:
        """Returns true if the role has a permission."""
        return permission in self.role.permissions

    @property
    def is_admin(self) -> bool:
        """Returns true for administrators of the server."""
        return self.may("perm_site_admin")


def _organisations() -> list[Organisation]:
    return [
        Organisation(1, "ORGNAME", "65f67df1-6e7c-45b8-a49a-ffadedd4a920"),
        Organisation(2, "SourceOrg", "ff2c8b78-7f1f-4a24-8815-f8b6833691fc"),
        Organisation(3, "OtherOrg", "1ff2f584-7494-45f6-8a42-b8c443e2c3d6"),
    ]


@dataclass
class Accounts:
    """All accounts of a server."""

    organisations: list[Organisation] = field(default_factory=_organisations)
    keys: dict[str, User] = field(default_factory=dict)

    def __post_init__(self) -> None:
        host, source, other = self.organisations[:3]
        publisher = Role(4, "Publisher", PUBLISHER)
        mails = {
            "user": User(2, "user@src.test", source, Role(3, "User", USER)),
            "publisher": User(3, "pub@src.test", source, publisher),
            "sync": User(4, "sync@src.test", source, Role(5, "Sync user", SYNC)),
            "readonly": User(5, "ro@src.test", source, Role(6, "Read Only", READER)),
            "nosight": User(
                7, "ns@src.test", source,
                Role(7, "No sightings", USER - {"perm_sighting", "perm_tagger"}),
            ),
            "other": User(6, "other@oth.test", other, publisher),
            "admin": User(1, "admin@admin.test", host, Role(1, "admin", frozenset(FLAGS))),
        }  # fmt: skip
        reader = replace(publisher, permissions=READER)
        self.keys = {key(name): user for name, user in mails.items()}
        self.keys[key("pubrokey")] = replace(mails["publisher"], role=reader)
        for name, problem in (
            ("disabled", "Authentication failed. Your user account has been disabled."),
            ("ipkey", "It is not possible to use this Auth key from your IP address"),
        ):
            self.keys[key(name)] = replace(mails["publisher"], problem=problem)

    def named(self, name: str) -> User:
        """Returns the user of a named key."""
        return self.keys[key(name)]

    def capture(self, described: dict) -> Organisation | None:
        """Returns the described organisation, and makes it if it is new. An ill-formed UUID gives
        none.
        """
        uuid = str(described.get("uuid", "")).lower()
        if len(uuid) != 36:
            return None
        for each in self.organisations:
            if each.uuid == uuid:
                return each
        name = described.get("name", uuid)
        number = len(self.organisations) + 1
        self.organisations.append(Organisation(number, name, uuid, is_local=False))
        return self.organisations[-1]


def key(name: str) -> str:
    """Returns the API key with a name: 40 characters, as MISP's."""
    return name + "0" * (40 - len(name))
