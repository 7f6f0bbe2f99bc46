"""A client for tests of the double itself."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.misp.handle import Misp


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that returns redirections as answers."""

    def redirect_request(self, *_):
        """Follows nothing."""
        return None


def ask(
    double: Misp, method: str, path: str, body: Any = None, key: str = "", seconds: float = 60
) -> tuple[int, Any]:
    """Sends a request, and returns the status of the answer and its JSON, or its text."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    headers["Authorization"] = key or double.key
    request = urllib.request.Request(double.url + path, data, headers, method=method)
    try:
        answer = urllib.request.build_opener(NoRedirect).open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text
