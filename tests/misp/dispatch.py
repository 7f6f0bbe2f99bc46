"""The way of a request through MISP: outages, keys, content types, permissions, and the action."""

import json
import zlib
from typing import Any
from urllib.parse import unquote

from tests.misp import events, router, system
from tests.misp.accounts import User
from tests.misp.answers import (
    BAD_JSON,
    BAD_KEY,
    HTML,
    NO_PERMISSION,
    Answer,
    Plain,
    Refusal,
    as_xml,
    gateway,
    internal,
    login,
)
from tests.misp.faults import Running
from tests.misp.request import Request
from tests.misp.state import State

LARGEST_BODY = 50 * 1024 * 1024
NO_EVENT_DATA = "No valid event data received."


def answer(
    state: State, method: str, target: str, headers: dict[str, str], body: bytes, running: Running
) -> Answer:
    """Answers a request. `headers` has small names."""
    path = target.partition("?")[0]
    if len(body) > LARGEST_BODY:
        return gateway(413, "Request Entity Too Large")
    if not state.is_php_up:
        return gateway(502, "Bad Gateway")
    try:
        found = _inside(state, method, path, headers, body, running)
    except Plain as plain:
        found = plain.at(path)
    except Refusal as refusal:
        found = refusal.answer
    wants_xml = "application/xml" in headers.get("accept", "")
    if wants_xml and found.status >= 400 and isinstance(found.body, dict):
        text = as_xml(found.body)
        found = Answer(text, found.status, found.headers, "application/xml; charset=UTF-8")
    if method == "HEAD":
        found = Answer("", found.status, found.headers, HTML)
    return found


def _inside(
    state: State, method: str, path: str, headers: dict[str, str], body: bytes, running: Running
) -> Answer:
    is_json_path = path.endswith(".json")
    plain_path = path.removesuffix(".json")
    parts = [unquote(each) for each in plain_path.split("/") if each]
    if [each.lower() for each in parts[:2]] == ["users", "heartbeat"]:
        return system.heartbeat(state)
    if not state.is_database_up:
        raise internal()
    accept = headers.get("accept", "")
    is_rest = is_json_path or "application/json" in accept or "application/xml" in accept
    if not is_rest:
        return login(**{"X-XSS-Protection": "1; mode=block"})
    user = authenticated(state, headers.get("authorization", ""))
    if not state.is_live and not user.is_admin:
        return login()
    action, rest = router.find(parts)
    if action is None:
        raise Plain(404, "Not Found")
    content_type = headers.get("content-type", "")
    data = unpacked(body, headers.get("content-encoding", ""))
    sent = parsed(parts, data, content_type)
    if action.permission and not user.may(action.permission):
        raise Plain(403, NO_PERMISSION)
    _check_event_data(method, parts, sent)
    named = dict(each.split(":", 1) for each in rest if ":" in each)
    positional = [each for each in rest if ":" not in each]
    request = Request(
        method, path, positional, named, sent, data, content_type, accept, user, running
    )
    return action.run(state, request)


def authenticated(state: State, key: str) -> User:
    """Returns the user of a key, or refuses it. Sessions are in Redis."""
    user = state.accounts.keys.get(key)
    if user is None or (state.has_sessions_in_redis and not state.is_redis_up):
        raise Plain(403, BAD_KEY)
    if user.problem:
        raise Plain(403, user.problem)
    return user


def unpacked(body: bytes, encoding: str) -> bytes:
    """Returns a request's body without its compression."""
    if encoding == "br":
        # MISP escapes its own message.
        raise Plain(400, "This server doesn&#039;t support brotli compressed requests.")
    if encoding != "gzip":
        return body
    try:
        return zlib.decompress(body, wbits=31)
    except zlib.error:
        raise Plain(400, "Invalid compressed data.") from None


def parsed(parts: list[str], body: bytes, content_type: str) -> Any:
    """Returns the JSON of a body. Uploads of other types stay as they are."""
    kind = content_type.partition(";")[0].strip().lower()
    is_upload = [each.lower() for each in parts[:2]] == ["events", "upload_stix"]
    if kind == "application/xml" and not is_upload:
        return events.xml_event(body.decode(errors="replace"))
    if kind != "application/json" or not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        if is_upload and not body.strip():
            return None
        raise Plain(405, BAD_JSON) from None


def _check_event_data(method: str, parts: list[str], sent: Any) -> None:
    """Refuses `events/add` without an event, before the blocklist and everything else."""
    is_add = [each.lower() for each in parts[:2]] == ["events", "add"]
    if is_add and method != "GET" and (not isinstance(sent, dict) or not sent):
        raise Plain(405, NO_EVENT_DATA)
