"""Publishing: the actions, and the background worker that does the work."""

import threading

from tests.misp.answers import Answer, Plain, internal, saved
from tests.misp.records import Event
from tests.misp.request import Request
from tests.misp.state import State


def publish(state: State, request: Request) -> Answer:
    """Answers `events/publish` and `events/alert`. With background jobs it only queues."""
    if request.method == "GET":
        raise internal()
    event = state.event(request.first)
    if event is None:
        raise Plain(404, "Invalid event.")
    user = request.user
    if not (user.is_admin or event.orgc is user.org or user.may("perm_sync")):
        raise Plain(405, "You do not have the permission to do that.")
    if not state.is_redis_up:
        raise internal()
    action = "alert" if "/alert" in request.path else "publish"
    url = f"/events/{action}/{event.id}"
    if not state.has_jobs:
        do(state, event)
        done = {
            "publish": "Event published without alerts",
            "alert": "Email sent to all participants.",
        }
        return saved(done[action], url, event.id)
    state.queue.append(event.id)
    return saved("Job queued." if action == "alert" else "Job queued", url, event.id)


def unpublish(state: State, request: Request) -> Answer:
    """Answers `events/unpublish`."""
    event = state.event(request.first, request.user)
    if event is None:
        raise Plain(404, "Invalid event.")
    if not state.owns(request.user, event):
        raise Plain(403, "You do not have permission to do that.")
    event.published = False
    return saved("Event unpublished.", f"/events/unpublish/{event.id}", event.id)


def do(state: State, event: Event) -> None:
    """Publishes an event."""
    event.published = True
    event.publish_timestamp = state.now()


class Worker(threading.Thread):
    """The background worker. It works off the queue while the state says that it is alive."""

    def __init__(self, state: State):
        super().__init__(daemon=True, name="MISP worker")
        self.state = state
        self.ended = threading.Event()

    def run(self) -> None:
        """Publishes queued events until the server ends."""
        while not self.ended.wait(0.01):
            self.drain()

    def drain(self) -> None:
        """Publishes the events whose turn it is."""
        while self.state.is_worker_alive and self.state.is_redis_up and self.state.queue:
            if self.ended.wait(self.state.publish_seconds):
                return
            with self.state.lock:
                if not self.state.is_worker_alive or not self.state.queue:
                    return
                event = self.state.events.get(self.state.queue.popleft())
                if event is not None:
                    do(self.state, event)
