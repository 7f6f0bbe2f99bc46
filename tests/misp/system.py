"""Calls about the server and its users."""

from tests.misp.accounts import User
from tests.misp.answers import Answer
from tests.misp.request import Request
from tests.misp.state import State

VERSION = "2.5.1"
PROCESSES = {"cache": 28_271, "default": 28_266, "email": 28_268, "prio": 32_031, "update": 28_275}
ADMIN_ORG = "Automatically generated admin organisation"
SERVER_UUID = "11111111-2222-4333-8444-555555555555"


def version(state: State, request: Request) -> Answer:
    """Answers `servers/getVersion`."""
    shown = ("perm_sync", "perm_sighting", "perm_galaxy_editor", "perm_analyst_data")
    user = request.user
    return Answer(
        {
            "version": VERSION, "pymisp_recommended_version": VERSION,
            **{name: user.may(name) for name in shown},
            "uuid": SERVER_UUID if user.is_admin else "-",
            "request_encoding": ["gzip"], "filter_sightings": True,
        }
    )  # fmt: skip


def view_user(state: State, request: Request) -> Answer:
    """Answers `users/view/me`."""
    user = request.user
    organisation = user.org.short() | {
        "date_created": _created(user), "date_modified": _created(user),
        "description": ADMIN_ORG if user.is_admin else None,
        "type": "ADMIN" if user.org.id == 1 else "", "nationality": "", "sector": "",
        "created_by": "0" if user.org.id == 1 else "1", "contacts": None, "local": True,
        "restricted_to_domain": None, "landingpage": None,
    }  # fmt: skip
    person = {
        "id": str(user.id), "password": "*****", "org_id": str(user.org.id), "email": user.email,
        "autoalert": False, "invited_by": "0" if user.is_admin else "1",
        "gpgkey": None if user.is_admin else "", "certif_public": "",
        "nids_sid": "4000000" if user.is_admin else "3323022",
        "termsaccepted": not user.is_admin, "newsread": "0", "role_id": str(user.role.id),
        "change_pw": user.is_admin, "contactalert": False, "disabled": False,
        "expiration": None, "current_login": "0", "last_login": "0", "force_logout": False,
        "date_created": None if user.is_admin else "1795931756",
        "date_modified": "1795931728" if user.is_admin else "1795931772",
        "sub": None, "external_auth_required": False,
        "external_auth_key": None if user.is_admin else "", "last_api_access": str(state.now()),
        "notification_daily": False, "notification_weekly": False, "notification_monthly": False,
        "totp": "*****", "hotp_counter": None,
        "last_pw_change": None if user.is_admin else "1795931756", "totp_is_set": "0",
    }  # fmt: skip
    return Answer(
        {
            "User": person, "Role": user.role.form(), "UserSetting": [],
            "Organisation": organisation,
        }
    )  # fmt: skip


def _created(user: User) -> str:
    return "2026-11-29 05:54:53" if user.is_admin else "2026-11-29 05:55:55"


def heartbeat(state: State) -> Answer:
    """Answers `users/heartbeat`, which needs no key."""
    live = "Spawn more overlords." if state.is_live else "You must construct additional pylons."
    return Answer({"message": live})


def sharing_groups(state: State, request: Request) -> Answer:
    """Answers `sharing_groups/index`."""
    rows = [
        {"SharingGroup": {"id": str(number), "name": name, "active": True}}
        for number, name in state.sharing_groups.items()
    ]
    return Answer({"response": rows})


def workers(state: State, request: Request) -> Answer:
    """Answers `servers/getWorkers`."""
    alive = state.is_worker_alive
    kinds = {}
    for kind, process in PROCESSES.items():
        worker = {"pid": process, "user": "www-data", "alive": alive}
        worker |= {"correct_user": True, "ok": alive}
        waiting = len(state.queue) if kind == "prio" else 0
        kinds[kind] = {"ok": alive, "workers": [worker], "jobCount": waiting}
    shared = {"proc_accessible": True, "controls": True, "supervisord_status": True}
    return Answer(kinds | shared)
