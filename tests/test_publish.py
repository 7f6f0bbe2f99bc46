"""The controller with a cluster: rounds, `push`, `status` and `config check`, with real nodes that
have the plugin.
"""

import itertools
import json
import signal
import socket
import time

import pytest

from tests import engines, program, pushing
from tests.controller import DOMAINS, Controller
from tests.pushing import ENDPOINT, built, event, is_flagged
from tests.servers import free_port

NAMES = (f"publish-{number}" for number in itertools.count())
EVIL = "evil.example"


@pytest.fixture
def controller(opensearch, tmp_path):
    """A controller that pushes to the node."""
    return Controller(tmp_path, next(NAMES), [opensearch.url])


def wanted(node, name) -> int | None:
    """Returns the generation that the cluster wants its nodes to serve."""
    return node.get(ENDPOINT)["blacklists"].get(name, {}).get("generation")


def flags(node, name: str, *hosts: str) -> list[bool]:
    """Indexes an event for each host, and returns whether each is flagged."""
    pushing.set_pipeline(node, name, blacklist=name)
    index = f"{name}-{time.monotonic_ns()}"
    node.bulk(
        index,
        [event(host) for host in hosts],
        name,
        ids=[str(number) for number in range(len(hosts))],
    )
    return [is_flagged(document) for document in node.documents(index)]


def dead() -> str:
    """Returns a host that nobody listens on."""
    return f"http://127.0.0.1:{free_port()}"


def test_rounds_push_what_is_new_and_nothing_twice(opensearch, controller):
    assert controller.poll(expect=program.REMOTE) is None, (
        "there is no list yet, and nothing to push"
    )
    controller.write_list(EVIL)
    first = controller.poll()
    assert (first["outcome"], first["generation"]) == ("acknowledged", 1) and first[
        "sent_bytes"
    ] > 0, first
    (node,) = first["nodes"]
    assert (node["name"], node["generation"], node["state"], node["reason"]) == (
        opensearch.name,
        1,
        "serving",
        None,
    ), node
    assert flags(opensearch, controller.name, EVIL, "new.example") == [True, False]
    again = controller.poll()
    assert (again["outcome"], again["sent_bytes"]) == ("acknowledged", 0), again
    controller.write_list(EVIL, "new.example")
    assert controller.poll()["generation"] == wanted(opensearch, controller.name) == 2
    assert flags(opensearch, controller.name, EVIL, "new.example") == [True, True]
    # Someone deletes the blacklist: the next round pushes it again.
    opensearch.delete(f"{ENDPOINT}/{controller.name}")
    assert controller.poll()["sent_bytes"] > 0 and wanted(opensearch, controller.name) == 2


def test_status_and_config_check_say_what_is_loaded(opensearch, controller):
    controller.write_list(EVIL)
    checked = controller.run("config", "check")
    assert (
        "it has none, the state has none: a round would push the first blacklist that is built"
        in checked
    ), checked
    assert not (controller.folder / "state").exists()
    controller.poll()
    status = controller.status()
    assert status["wanted"]["generation"] == 1 and status["error"] is None, status
    assert [(node["name"], node["generation"], node["state"]) for node in status["nodes"]] == [
        (opensearch.name, 1, "serving")
    ]
    assert status["push"]["acknowledged"] and not status["push"]["error"]
    text = controller.run("status")
    assert f"cluster   {opensearch.url}: generation 1 is wanted" in text and "NODE" in text, text
    checked = controller.run("config", "check")
    assert f"opensearch: {opensearch.url} answers" in checked and "1 ingest node; " in checked, (
        checked
    )
    assert (
        f"OpenSearch {opensearch.version}" in checked
        and "has generation 1, the state has generation 1" in checked
    ), checked


def test_push_pushes_now_and_prints_a_line_a_node(opensearch, controller, tmp_path):
    controller.run("push", expect=program.USAGE)
    controller.write_list(EVIL)
    controller.poll()
    text = controller.run("push")
    assert text.startswith(
        f"blacklist {controller.name} generation 1: 1 ingest node serves it\n"
    ), text
    assert text.splitlines()[1].split() == ["NODE", "GENERATION", "STATE", "MS", "PLUGIN", "REASON"]
    assert text.splitlines()[2].split()[:3] == [opensearch.name, "1", "serving"]
    # Pushes any built file, with and without a configuration.
    newer = built(tmp_path, [EVIL, "other.example"], controller.name, 5)
    assert controller.push(newer)["generation"] == wanted(opensearch, controller.name) == 5
    newest = built(tmp_path, [EVIL, "third.example"], controller.name, 6)
    answer = json.loads(
        program.run("push", "--json", "--host", dead(), "--host", opensearch.url, newest).stdout
    )
    assert (answer["outcome"], answer["generation"]) == ("acknowledged", 6), answer
    assert flags(opensearch, controller.name, "third.example") == [True]
    damaged = program.write(tmp_path / "damaged.blacklist", "nothing")
    program.run("push", "--host", opensearch.url, damaged, expect=program.DAMAGED)
    credentials = program.run(
        "push", "--host", "http://u:hunter2@127.0.0.1/", newest, expect=program.USAGE
    )
    assert (
        b"expected a URL without credentials" in credentials.stderr
        and b"hunter2" not in credentials.stderr
    )


def test_large_ones_go_in_parts(opensearch, tmp_path):
    controller = Controller(tmp_path, next(NAMES), [opensearch.url], max_request="1kB")
    # More than one part of 4 MiB.
    controller.write_list(
        *(f"a-rather-long-name-to-fill-the-file-{number:07}.example" for number in range(150_000))
    )
    report = controller.poll()
    assert report["outcome"] == "acknowledged" and report["sent_bytes"] > 5_000_000, report
    assert flags(
        opensearch,
        controller.name,
        "a-rather-long-name-to-fill-the-file-0149999.example",
        "b.example",
    ) == [True, False]


def test_a_shrunk_one_is_refused_until_it_is_allowed(opensearch, controller):
    controller.write_list(*DOMAINS)
    controller.poll()
    controller.write_list(DOMAINS[0])
    controller.visit(DOMAINS[0])
    refused = controller.poll(expect=program.REMOTE)
    assert (refused["outcome"], refused["kind"], refused["generation"]) == (
        "refused",
        "shrunk",
        2,
    ), refused
    # The refusal did not prevent the rest of the round.
    assert controller.flagged() == 1
    assert flags(opensearch, controller.name, DOMAINS[99]) == [True], "the old one serves on"
    text = controller.run("status")
    assert (
        "generation 2 is refused (shrunk)" in text and "`threatsieve push --allow-shrink`" in text
    ), text
    again = controller.poll(expect=program.REMOTE)
    assert again["outcome"] == "refused" and again["reason"] == refused["reason"]
    assert controller.push(expect=program.REMOTE)["kind"] == "shrunk"
    assert controller.push("--allow-shrink")["outcome"] == "acknowledged"
    assert controller.poll()["outcome"] == "acknowledged"
    assert flags(opensearch, controller.name, *DOMAINS[:2]) == [True, False]


def test_a_rollback_stands_until_the_next_generation(opensearch, controller):
    for values in ([EVIL], [EVIL, "wrong.example"]):
        controller.write_list(*values)
        controller.poll()
    assert flags(opensearch, controller.name, EVIL, "wrong.example") == [True, True]
    text = controller.run("push", "--rollback")
    assert "is served by 1 ingest node" in text, text
    assert flags(opensearch, controller.name, EVIL, "wrong.example") == [True, False]
    for _ in range(2):
        left = controller.poll()
        assert left["outcome"] == "rolled_back" and left["sent_bytes"] == 0, left
    assert flags(opensearch, controller.name, "wrong.example") == [False]
    assert "generation 2 was pushed, and rolled back since" in controller.run("status")
    controller.write_list(EVIL, "right.example")
    assert controller.poll()["outcome"] == "acknowledged"
    assert flags(opensearch, controller.name, EVIL, "wrong.example", "right.example") == [
        True,
        False,
        True,
    ]
    back = controller.push("--rollback", "1")
    assert back["acknowledged"] and flags(opensearch, controller.name, EVIL, "right.example") == [
        True,
        False,
    ], back


def test_a_lost_state_begins_again_above_what_is_there(opensearch, controller):
    for number in range(3):
        controller.write_list(EVIL, f"more-{number}.example")
        controller.poll()
    (controller.folder / "state").rename(controller.folder / "lost")
    refused = controller.poll(expect=program.REMOTE)
    assert (refused["generation"], refused["kind"]) == (1, "older"), refused
    assert "`threatsieve push --renumber`" in controller.run("status")
    renumbered = controller.push("--renumber")
    assert (renumbered["outcome"], renumbered["generation"]) == ("acknowledged", 4), renumbered
    controller.write_list(EVIL)
    assert controller.poll()["generation"] == 5


def test_a_cluster_that_is_away_costs_nothing_but_the_push(opensearch_3, tmp_path):
    hosts = [dead(), dead()]
    controller = Controller(tmp_path, next(NAMES), hosts)
    controller.write_list(EVIL)
    controller.visit(EVIL)
    report = controller.poll(expect=program.REMOTE)
    assert report["outcome"] == "failed" and all(host in report["reason"] for host in hosts), report
    assert controller.flagged() == 1
    status = controller.status()
    assert hosts[0] in status["error"] and status["push"]["error"] == report["reason"], status
    assert "cluster   not asked: no host of the cluster is ready" in controller.run("status")
    controller.run("push", expect=program.REMOTE)
    controller.run("config", "check", expect=program.REMOTE)
    # The cluster is available again, at another of its hosts.
    text = controller.config.read_text().replace(hosts[1], opensearch_3.url)
    controller.config.write_text(text)
    assert controller.poll()["outcome"] == "acknowledged"


def test_a_server_without_the_plugin_is_told(tmp_path):
    with engines.node("3.8.0") as node:
        controller = Controller(tmp_path, next(NAMES), [node.url])
        controller.write_list(EVIL)
        report = controller.poll(expect=program.REMOTE)
        assert "expected the plugin threatsieve, got none" in report["reason"], report
        checked = controller.run("opensearch", "check", expect=program.DAMAGED)
        assert f"the plugin threatsieve is missing on {node.name}" in checked, checked


def test_run_pushes_and_stops_whatever_the_cluster_does(opensearch_3, tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        controller = Controller(tmp_path, next(NAMES), [host], connect_timeout="60s")
        controller.write_list(EVIL)
        controller.visit(EVIL)
        service = program.start("run", "--config", controller.config)
        try:
            until(lambda: controller.flagged() == 1, "the log is matched while the push hangs")
            stops(service)
        finally:
            service.kill()
    controller = Controller(tmp_path / "other", next(NAMES), [dead(), opensearch_3.url])
    controller.write_list(EVIL)
    service = program.start("run", "--config", controller.config)
    try:
        until(lambda: acknowledged(controller) == 1, "the first generation is pushed")
        controller.write_list(EVIL, "new.example")
        until(
            lambda: acknowledged(controller) == wanted(opensearch_3, controller.name) == 2,
            "the second generation is pushed",
        )
        said = stops(service)
        assert said.count("the blacklist is pushed") == 2, said
    finally:
        service.kill()


def acknowledged(controller: Controller) -> int | None:
    """Returns the generation that all nodes served when a round last checked."""
    push = controller.status()["push"]
    return push["generation"] if push["acknowledged"] else None


def stops(service) -> str:
    """Stops a service, which takes at most ten seconds. Returns its log."""
    service.send_signal(signal.SIGTERM)
    _, said = service.communicate(timeout=10)
    assert service.returncode == program.DONE, said.decode()
    return said.decode()


def until(condition, what: str, seconds: float = 30) -> None:
    """Waits until the condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not after {seconds} s: {what}"
        time.sleep(0.1)
