"""The control endpoint, for programs that cannot use the handle:

POST /_double/fault    {"kind": "500", "path": "/events/add", ...} as faults.py says
POST /_double/clear    removes all faults
POST /_double/set      {"is_worker_alive": false, ...} settings of the state
GET  /_double/events, /_double/attributes, /_double/requests, /_double/counts
"""

import json
from typing import TYPE_CHECKING

from tests.misp import contents
from tests.misp.answers import Answer

if TYPE_CHECKING:
    from tests.misp.server import Core

PREFIX = "/_double/"


def answer(core: "Core", method: str, path: str, body: bytes) -> Answer:
    """Answers a request of the control endpoint."""
    name = path.removeprefix(PREFIX)
    try:
        sent = json.loads(body) if body else {}
        if method == "POST" and name == "fault":
            core.faults.add(sent.pop("kind"), **sent)
        elif method == "POST" and name == "clear":
            core.faults.clear()
        elif method == "POST" and name == "set":
            for key, value in sent.items():
                if not hasattr(core.state, key):
                    raise ValueError(f"unknown setting {key!r}")
                setattr(core.state, key, value)
        elif method == "GET" and name in {"events", "attributes"}:
            return Answer(getattr(contents, name)(core.state))
        elif method == "GET" and name == "counts":
            state = core.state
            counts = {"events": len(state.events), "attributes": len(state.attributes)}
            return Answer(counts | {"requests": len(core.requests)})
        elif method == "GET" and name == "requests":
            return Answer([[each.method, each.path, each.status] for each in core.requests])
        else:
            return Answer({"error": f"unknown: {method} {path}"}, 404)
    except (ValueError, TypeError, KeyError) as error:
        return Answer({"error": str(error)}, 400)
    return Answer({"done": name})
