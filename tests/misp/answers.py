"""Answers of MISP: the success forms and the error forms that the captures show."""

import json
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

JSON = "application/json; charset=UTF-8"
HTML = "text/html; charset=UTF-8"
INTERNAL = "An Internal Error Has Occurred."
NO_PERMISSION = "You do not have permission to use this functionality."
BAD_KEY = (
    "Authentication failed. Please make sure you pass the API key of an API enabled user along in "
    "the Authorization header."
)
BAD_JSON = (
    "Invalid JSON input. Make sure that the JSON input is a correctly formatted JSON string. This "
    "request has been blocked to avoid an unfiltered request."
)


@dataclass
class Answer:
    """An HTTP answer. `body` is JSON, or text for other content types."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = JSON

    def encoded(self) -> bytes:
        """Returns the body's bytes."""
        if self.content_type == JSON and self.body != "":
            return json.dumps(self.body, ensure_ascii=False).encode()
        return (self.body or "").encode()


class Refusal(Exception):
    """An answer that ends the processing of a request."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None):
        super().__init__(f"{status}: {body}")
        self.answer = Answer(body, status, headers or {})


class Plain(Exception):
    """A refusal that names only a message and the requested address."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        super().__init__(f"{status}: {message}")
        self.status, self.message, self.headers = status, message, headers or {}

    def at(self, url: str) -> Answer:
        """Returns the answer for a request of this address."""
        body = {"name": self.message, "message": self.message, "url": url}
        return Answer(body, self.status, self.headers)


def internal() -> Plain:
    """Returns the error that MISP gives for faults of its own."""
    return Plain(500, INTERNAL)


def unsaved(action: str, model: str, errors: Any, number: str = "", folder: str = "") -> Refusal:
    """Returns a validation error of a controller's action."""
    name = f"Could not {action} {model}"
    folder = folder or f"{model.lower()}s"
    url = f"/{folder}/{action}" + (f"/{number}" if number else "")
    body = {"saved": False, "name": name, "message": name, "url": url, "errors": errors}
    return Refusal(403, body | ({"id": number} if number else {}))


def saved(message: str, url: str, number: Any = None) -> Answer:
    """Returns the answer of an action without a result."""
    body = {"saved": True, "success": True, "name": message, "message": message, "url": url}
    return Answer(body | ({"id": str(number)} if number is not None else {}))


def as_xml(body: dict) -> str:
    """Returns an error as XML, for clients that accept only that."""

    def text(value: Any) -> str:
        return str(int(value)) if isinstance(value, bool) else escape(str(value))

    fields = "".join(f"<{key}>{text(value)}</{key}>" for key, value in body.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<response>{fields}</response>\n'


def login(**headers: str) -> Answer:
    """Returns the redirection to the login page."""
    return Answer("", 302, headers | {"Location": "/users/login"}, HTML)


def gateway(status: int, title: str) -> Answer:
    """Returns a page of nginx, which is in front of MISP."""
    name = f"{status} {title}"
    page = (
        f"<html>\r\n<head><title>{name}</title></head>\r\n<body>\r\n<center><h1>{name}</h1>"
        "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(page, status, {}, "text/html")
