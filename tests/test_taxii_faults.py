"""Faults of TAXII 2 servers, each of which a real server or client is known for: one test a fault,
against a server that has it. The names in brackets are those of the reports.
"""

import email.utils
import json
import re
import time
from collections.abc import Callable

import pytest

from tests import hostile, stix
from tests.hostile import Asked, Reply, envelope, serving
from tests.polling import Polling
from tests.servers import TAXII
from tests.taxii2_servers import STIX_20, TAXII_20

QUICK = {"idle_timeout": "1s", "total_timeout": "5s", "max_body": "1MiB"}
COLLECTION = "/root/collections/1/"
OBJECTS = f"{COLLECTION}objects/"


def named(*numbers: int, **properties) -> list[dict]:
    """Returns indicators with these numbers."""
    return [
        stix.indicator(number, f"[domain-name:value = 'h{number}.example']", **properties)
        for number in numbers
    ]


def added(second: int) -> str:
    """Returns a time when an object was added."""
    return f"2026-02-01T00:{second // 60:02}:{second % 60:02}.000000Z"


def feed(url: str, **settings) -> dict:
    """Returns a feed of type taxii with small pages and a small overlap."""
    return {
        "name": "taxii", "type": "taxii", "url": f"{url}{COLLECTION}", "page_objects": 2,
        "overlap": "1ms", **settings,
    }  # fmt: skip


def polling(folder, url: str, **settings) -> Polling:
    """Returns a configuration with this feed."""
    return Polling(folder, feed(url, **settings), http=QUICK)


Pages = Callable[[Asked], Reply]


def described(kind: str, pages: Pages, objects_kind: str, **more) -> Pages:
    """Returns a server with one collection, which refuses other media types."""

    def answer(asked: Asked) -> Reply:
        is_objects = asked.path == OBJECTS and asked.method == "GET"
        if asked.headers["accept"] != (objects_kind if is_objects else kind):
            return Reply('{"title": "media type"}', status=406, headers={"Content-Type": kind})
        if asked.path.endswith(("/objects/", "/manifest/")) or "/status/" in asked.path:
            return pages(asked)
        if asked.path == "/root/":
            about = {"title": "Root", "versions": [kind], "max_content_length": 10_000}
        else:
            about = {"id": "1", "title": "One", "can_read": True, "can_write": True}
        return Reply(json.dumps({**about, **more}), headers={"Content-Type": kind})

    return answer


def of_21(pages: Pages, **more) -> Pages:
    """Returns a server of TAXII 2.1."""
    return described(TAXII, pages, TAXII, **more)


def of_20(pages: Pages, **more) -> Pages:
    """Returns a server of TAXII 2.0."""
    return described(TAXII_20, pages, STIX_20, **more)


def objects_asked(server) -> list[Asked]:
    """Returns the requests for objects."""
    return [asked for asked in server.asked if asked.path == OBJECTS]


_bundles = iter(range(1, 1 << 30))


def bundle(objects: list[dict], range_: str | None = None, last: int = 0, **reply) -> Reply:
    """Returns a bundle, with another identifier each time, as real servers send it."""
    body = {**stix.bundle(*objects), "id": stix.identifier(next(_bundles), "bundle")}
    headers = {"Content-Type": STIX_20, "X-TAXII-Date-Added-Last": added(last)}
    if range_:
        headers["Content-Range"] = range_
    return Reply(json.dumps(body), headers=headers, **{"status": 206, **reply})


def requested(asked: Asked) -> tuple[int, int]:
    """Returns the first and the last item that the header Range asks for."""
    first, last = re.fullmatch(r"items[= ](\d+)-(\d+)", asked.headers["range"]).groups()
    return int(first), int(last)


def ranged(
    numbers: list[int], most: int = 100, content_range: str = "items {first}-{last}/{total}"
) -> Pages:
    """Returns the pages of a server of TAXII 2.0 that works. Objects are added a second apart."""

    def pages(asked: Asked) -> Reply:
        first, last = requested(asked)
        if first >= len(numbers):
            headers = {"Content-Range": f"items */{len(numbers)}", "Content-Type": TAXII_20}
            return Reply(status=416, headers=headers)
        page = numbers[first : min(last + 1, first + most)]
        shown = content_range.format(first=first, last=first + len(page) - 1, total=len(numbers))
        return bundle(named(*page), shown, last=first + len(page) - 1)

    return pages


def tokens(count: int, page: int = 2) -> Pages:
    """Returns the pages of a server of TAXII 2.1 that works. Objects are added a second apart."""

    def pages(asked: Asked) -> Reply:
        after = asked.query.get("added_after", "")
        found = [number for number in range(count) if added(number) > after]
        first = int(asked.query.get("next", 0))
        shown = found[first : first + page]
        more = first + page < len(found)
        one = envelope(
            *named(*shown), **({"more": True, "next": str(first + page)} if more else {})
        )
        if shown:
            one.headers["X-TAXII-Date-Added-Last"] = added(shown[-1])
        return one

    return pages


# TAXII 2.0


def test_a_server_of_2_0_refuses_the_media_type_of_2_1(tmp_path):
    with serving(of_20(ranged(list(range(5))))) as server:
        one = polling(tmp_path, server.url)
        assert "TAXII 2.0 collection" in one.check()
        one.poll()
        assert one.active("taxii") == 5
        before = len(server.asked)
        one.poll()
        later = {asked.path for asked in server.asked[before:]}
        assert later == {OBJECTS}, "the version is not negotiated again"


def test_a_server_of_2_0_takes_only_the_range_with_an_equals_sign(tmp_path):
    pages = ranged(list(range(5)))
    with serving(
        of_20(lambda asked: pages(asked) if "=" in asked.headers["range"] else Reply(status=400))
    ) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 5


def test_a_server_of_2_0_takes_only_the_range_of_the_specification(tmp_path):
    pages = ranged(list(range(5)))
    with serving(
        of_20(lambda asked: Reply(status=400) if "=" in asked.headers["range"] else pages(asked))
    ) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 5
        before = len(server.asked)
        one.poll()
        later = [asked.headers["range"] for asked in server.asked[before:]]
        assert all("items " in range_ for range_ in later), "the form is remembered"


def test_a_server_of_2_0_knows_no_ranges_at_all(tmp_path):
    def pages(asked):
        return Reply(status=400) if "range" in asked.headers else bundle(named(1, 2, 3), status=200)

    with serving(of_20(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 3


def test_a_server_of_2_0_cuts_its_answer_and_refuses_ranges(tmp_path):
    def pages(asked):
        return Reply(status=400) if "range" in asked.headers else bundle(named(1), "items 0-0/9")

    with serving(of_20(pages)) as server:
        one = polling(tmp_path, server.url)
        assert "refuses the header Range" in one.fails("taxii")


def test_a_server_of_2_0_refuses_the_filter(tmp_path):
    pages = ranged(list(range(5)))
    with serving(
        of_20(lambda asked: Reply(status=400) if "match[type]" in asked.query else pages(asked))
    ) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 5


@pytest.mark.parametrize("most", [1, 2])
def test_a_page_holds_fewer_items_than_asked_for(tmp_path, most):
    with serving(of_20(ranged(list(range(7)), most))) as server:
        one = polling(tmp_path, server.url, page_objects=5)
        one.poll()
        assert one.active("taxii") == 7


def test_the_last_item_that_is_asked_for_is_left_out(tmp_path):
    def pages(asked):
        first, last = requested(asked)
        page = list(range(7))[first:last]
        return bundle(named(*page), f"items {first}-{max(first, first + len(page) - 1)}/7")

    with serving(of_20(pages)) as server:
        one = polling(tmp_path, server.url, page_objects=1)
        one.poll()
        assert one.active("taxii") == 7


@pytest.mark.parametrize(
    "content_range", ["items */{total}", "items {first}-{last}/*", "{first}-{last}/{total}"]
)
def test_content_range_is_written_in_another_way(tmp_path, content_range):
    with serving(of_20(ranged(list(range(7)), content_range=content_range))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


def test_content_range_is_absent_from_partial_answers(tmp_path):
    pages = ranged(list(range(7)))

    def without(asked):
        one = pages(asked)
        one.headers.pop("Content-Range", None)
        return one

    with serving(of_20(without)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


def test_a_range_past_the_end_is_the_end(tmp_path):
    with serving(of_20(ranged(list(range(4)), content_range="items {first}-{last}/*"))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert (one.active("taxii"), one.feed("taxii")["error"]) == (4, None)
        headers = {"Content-Range": "items */0"}
    with serving(of_20(lambda _: Reply(status=416, headers=headers))) as server:
        one = polling(tmp_path / "empty", server.url)
        one.poll()
        assert (one.active("taxii"), one.feed("taxii")["error"]) == (0, None)


def test_a_range_past_the_end_contradicts_the_number_of_items(tmp_path):
    headers = {"Content-Range": "items */300"}
    with serving(of_20(lambda _: Reply(status=416, headers=headers))) as server:
        one = polling(tmp_path, server.url)
        assert "though there are 300" in one.fails("taxii")


def test_an_object_that_moves_while_pages_are_read_is_not_missed(tmp_path):
    # cti-taxii2#23: an update moves the first object to the end, and all others forward.
    numbers = list(range(6))

    def pages(asked):
        one = ranged(numbers)(asked)
        if len(objects_asked(server)) == 1:
            numbers.append(numbers.pop(0))
        return one

    with serving(of_20(lambda asked: pages(asked))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 6


def test_objects_without_an_order_are_read_again_by_the_next_poll(tmp_path):
    turns = iter(range(1000))

    def pages(asked):
        turn = next(turns) % 6
        return ranged([(number + turn) % 6 for number in range(6)])(asked)

    with serving(of_20(pages)) as server:
        one = polling(tmp_path, server.url)
        for _ in range(20):
            one.poll()
        assert one.active("taxii") == 6
        assert all("added_after" not in asked.query for asked in objects_asked(server))
        assert len(objects_asked(server)) < 20 * 15


@pytest.mark.parametrize("kind", [of_20, of_21])
def test_a_server_ignores_added_after(tmp_path, kind):
    # mitre/cti#40
    answer = {
        of_20: lambda _: bundle(named(1, 2), "items 0-1/2"),
        of_21: lambda _: envelope(*named(1, 2)),
    }[kind]
    with serving(kind(answer)) as server:
        one = polling(tmp_path, server.url)
        for _ in range(3):
            one.poll()
        assert one.active("taxii") == 2
        assert len(objects_asked(server)) == 3


@pytest.mark.parametrize("kind", ["by tokens", "by dates"])
def test_added_after_includes_the_time_itself(tmp_path, kind):
    # OpenCTI connectors#7604: an endless loop.
    def pages(asked):
        after = asked.query.get("added_after", "")
        found = [number for number in range(5) if added(number) >= after]
        page = found[: int(asked.query["limit"])]
        one = envelope(*named(*page), more=len(page) < len(found))
        one.headers["X-TAXII-Date-Added-Last"] = added(page[-1])
        return one

    with serving(of_21(tokens(5) if kind == "by tokens" else pages)) as server:
        one = polling(tmp_path, server.url, overlap="1s")
        one.poll()
        one.poll()
        assert one.active("taxii") == 5
        assert len(objects_asked(server)) < 20


def test_an_empty_bundle_has_no_objects(tmp_path):
    # connectors#411, limo
    empty = Reply('{"type": "bundle", "id": "bundle--1"}', headers={"Content-Type": STIX_20})
    with serving(of_20(lambda _: empty)) as server:
        one = polling(tmp_path, server.url)
        assert "is empty" in one.check()
        one.poll()
        assert (one.active("taxii"), one.feed("taxii")["error"]) == (0, None)


def test_the_identifier_of_a_bundle_changes_with_every_answer(tmp_path):
    with serving(of_20(lambda _: bundle(named(1, 2), status=200, last=1))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        told = one.poll_json()
        assert told["feeds"][0]["taken"]["added"] == 0 and one.active("taxii") == 2


def test_ranges_are_ignored_though_the_answer_is_partial(tmp_path):
    with serving(of_20(lambda _: bundle(named(1, 2, 3)))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 3
        assert len(objects_asked(server)) == 2


def test_the_same_range_comes_again_and_again(tmp_path):
    with serving(of_20(lambda _: bundle(named(1, 2), "items 0-1/99"))) as server:
        one = polling(tmp_path, server.url)
        assert "repeats itself" in one.fails("taxii")
        assert len(objects_asked(server)) < 10


def test_another_range_comes_than_the_one_asked_for(tmp_path):
    def pages(asked):
        first, _ = requested(asked)
        return bundle(named(first + 5), f"items {first + 5}-{first + 5}/99")

    with serving(of_20(pages)) as server:
        one = polling(tmp_path, server.url)
        assert "expected items from number 0 on" in one.fails("taxii")


# TAXII 2.1


def test_a_server_of_2_1_refuses_other_media_types(tmp_path):
    with serving(of_21(tokens(5))) as server:
        one = polling(tmp_path, server.url)
        assert "TAXII 2.1 collection" in one.check()
        one.poll()
        assert one.active("taxii") == 5


def test_an_old_server_answers_requests_of_2_1_with_bundles(tmp_path):
    def answer(asked):
        if asked.path != OBJECTS:
            about = {"id": "1", "title": "One", "can_read": True}
            return Reply(json.dumps(about), headers={"Content-Type": "application/json"})
        if "range" not in asked.headers:
            return bundle(named(0, 1), "items 0-1/7")
        return ranged(list(range(7)))(asked)

    with serving(answer) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


def test_an_upgraded_server_is_read_on_in_its_new_version(tmp_path):
    answers = [of_20(ranged(list(range(5))))]
    with serving(lambda asked: answers[-1](asked)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        answers.append(of_21(tokens(7)))
        one.poll()
        assert one.active("taxii") == 7
        assert "TAXII 2.1" in one.check()


def test_urls_without_a_slash_at_the_end_are_something_else(tmp_path):
    # opencti#7755: they answer `{}`.
    pages = of_21(tokens(5))
    with serving(lambda asked: pages(asked) if asked.path.endswith("/") else Reply("{}")) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        without = Polling(
            tmp_path / "other", feed(server.url) | {"url": f"{server.url}{COLLECTION[:-1]}"}
        )
        without.poll()
        assert (one.active("taxii"), without.active("taxii")) == (5, 5)


def test_credentials_do_not_follow_a_redirect_to_another_server(tmp_path):
    pages = tokens(3, page=100)
    with serving(lambda asked: pages(asked)) as other:

        def moved(asked):
            target = f"{other.url}{asked.path}?limit=100"
            return Reply(status=307, headers={"Location": target})

        with serving(of_21(moved)) as server:
            one = Polling(
                tmp_path,
                feed(server.url, token={"env": "KEY"}, page_objects=100),
                http={**QUICK, "allow_redirects_to": [other.url]},
                environment={"KEY": "secret-key"},
            )
            one.poll()
            assert all("authorization" in asked.headers for asked in server.asked)
            assert other.asked and all(
                "authorization" not in asked.headers for asked in other.asked
            )


def test_no_data_is_an_empty_object_without_dates(tmp_path):
    # integrations#19303
    answers = [tokens(3)]
    with serving(of_21(lambda asked: answers[-1](asked))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        answers.append(lambda _: Reply("{}", headers={"Content-Type": TAXII}))
        one.poll()
        one.poll()
        assert (one.active("taxii"), one.feed("taxii")["error"]) == (3, None)
        afters = [asked.query.get("added_after") for asked in objects_asked(server)[2:]]
        assert len(set(afters)) == 1 and afters[0], "the place stays"


def test_an_expired_next_starts_the_window_once_more(tmp_path):
    failures = [Reply('{"title": "expired"}', status=400)]
    pages = tokens(7)

    def expiring(asked):
        if asked.query.get("next") == "4" and failures:
            return failures.pop()
        return pages(asked)

    with serving(of_21(expiring)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7
        failures.extend(Reply(status=400) for _ in range(100))
        again = polling(tmp_path / "again", server.url)
        assert "got 400" in again.fails("taxii")
        assert len(failures) == 98, "once is enough"


def test_every_page_is_asked_for_with_the_same_filters(tmp_path):
    # integrations#20184 dropped `added_after` on page 2; opencti#5681 advanced it.
    with serving(of_21(tokens(7))) as server:
        one = polling(tmp_path, server.url, since="2026-01-31")
        one.poll()
        queries = [dict(asked.query) for asked in objects_asked(server)]
        nexts = [query.pop("next", None) for query in queries]
        assert nexts == [None, "2", "4", "6"]
        assert all(query == queries[0] and "added_after" in query for query in queries)


def test_more_without_next_goes_on_after_the_last_date(tmp_path):
    # connectors#6734 took it for the end.
    def pages(asked):
        after = asked.query.get("added_after", "")
        found = [number for number in range(7) if added(number) > after]
        page = found[: int(asked.query["limit"])]
        one = envelope(*named(*page), more=len(page) < len(found))
        one.headers["X-TAXII-Date-Added-Last"] = added(page[-1])
        return one

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


def test_more_without_next_and_without_dates_is_an_error(tmp_path):
    # OpenCTI's connector spins.
    with serving(of_21(lambda _: envelope(*named(1), more=True))) as server:
        one = polling(tmp_path, server.url)
        assert "X-TAXII-Date-Added-Last" in one.fails("taxii")
        assert len(objects_asked(server)) == 1


def test_objects_of_one_moment_are_on_several_pages(tmp_path):
    # connectors#1298, opencti#4537
    seconds = [1, 2, 2, 2, 2, 3]

    def pages(asked):
        after = asked.query.get("added_after", "")
        found = [number for number in range(6) if added(seconds[number]) > after]
        page = found[: int(asked.query["limit"])]
        one = envelope(*named(*page), more=len(page) < len(found))
        one.headers["X-TAXII-Date-Added-Last"] = added(seconds[page[-1]])
        return one

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 6


def test_the_place_is_that_of_the_date_added_and_not_of_the_date_modified(tmp_path):
    # minemeld-core#400
    pages = tokens(3)

    def later(asked):
        one = pages(asked)
        body = json.loads(one.body)
        for object_ in body.get("objects", []):
            object_["modified"] = "2026-06-01T00:00:00.000Z"
        return Reply(json.dumps(body), headers=one.headers)

    with serving(of_21(later)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        one.poll()
        assert objects_asked(server)[-1].query["added_after"].startswith("2026-02-01T00:00:01")


def test_the_place_moves_only_after_the_last_page(tmp_path):
    pages, failing = tokens(7), [True]

    def broken(asked):
        return Reply(status=404) if failing and asked.query.get("next") == "6" else pages(asked)

    with serving(of_21(broken)) as server:
        one = polling(tmp_path, server.url)
        one.fails("taxii")
        assert one.active("taxii") == 0
        failing.clear()
        one.poll()
        assert one.active("taxii") == 7
        assert "added_after" not in objects_asked(server)[-1].query


def test_next_is_a_number(tmp_path):
    # opencti#4767, CISA AIS
    pages = tokens(7)

    def numbers(asked):
        one = pages(asked)
        return Reply(re.sub(r'"next": "(\d+)"', r'"next": \1', one.body), headers=one.headers)

    with serving(of_21(numbers)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


@pytest.mark.parametrize("replacement", ['"more": "true"', '"more": 1', '"x": 0'])
def test_more_is_not_a_boolean_or_is_left_out_beside_next(tmp_path, replacement):
    pages = tokens(7)

    def other(asked):
        one = pages(asked)
        return Reply(one.body.replace('"more": true', replacement), headers=one.headers)

    with serving(of_21(other)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 7


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 01 Feb 2026 00:00:02 GMT",
        "Sun Feb 01 2026 00:00:02 GMT+0000 (Coordinated Universal Time)",
        "2026-02-01T00:00:02",
        "2026-02-01T01:00:02+01:00",
    ],
)
def test_dates_in_headers_are_not_rfc_3339(tmp_path, text):
    # attack-workbench-taxii-server#32
    def pages(asked):
        one = envelope(*named(1))
        one.headers["X-TAXII-Date-Added-Last"] = text
        return one

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        one.poll()
        assert objects_asked(server)[-1].query["added_after"] == "2026-02-01T00:00:01.999000Z"


def test_dates_are_only_in_the_manifest(tmp_path):
    manifest = {"objects": [{"id": "x", "date_added": added(2)}, {"id": "y", "date_added": "?"}]}

    def pages(asked):
        if asked.path.endswith("/manifest/"):
            return Reply(json.dumps(manifest), headers={"Content-Type": TAXII})
        return envelope(*named(1))

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        one.poll()
        assert objects_asked(server)[-1].query["added_after"].startswith("2026-02-01T00:00:01")


def test_dates_are_nowhere(tmp_path):
    def pages(asked):
        return Reply(status=404) if asked.path.endswith("/manifest/") else envelope(*named(1))

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        one.poll()
        assert (one.active("taxii"), one.feed("taxii")["error"]) == (1, None)
        assert "added_after" not in objects_asked(server)[-1].query


def test_the_objects_are_called_items(tmp_path):
    # attack-workbench-taxii-server#21
    body = json.dumps({"more": False, "items": named(1, 2)})
    with serving(of_21(lambda _: Reply(body, headers={"Content-Type": TAXII}))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 2


def test_errors_have_another_media_type(tmp_path):
    # attack-workbench-taxii-server#36
    refused = Reply(
        '{"title": "no"}', status=401, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    with serving(of_21(lambda _: refused)) as server:
        one = polling(tmp_path, server.url)
        error = one.fails("taxii")
        assert "got 401" in error and "application/json" in error


def test_a_whole_answer_has_the_status_of_a_partial_one(tmp_path):
    # integrations#11867
    pages = tokens(5)

    def partial(asked):
        one = pages(asked)
        return Reply(one.body, status=206, headers=one.headers)

    with serving(of_21(partial)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert one.active("taxii") == 5


def test_dates_are_cut_to_milliseconds(tmp_path):
    # opencti#10090: the header says less than the object's own date.
    dates = ["2026-02-01T00:00:01.123456Z", "2026-02-01T00:00:01.123999Z"]
    count = [1]

    def pages(asked):
        found = [n for n in range(count[0]) if dates[n] > asked.query.get("added_after", "")]
        one = envelope(*named(*found))
        if found:
            one.headers["X-TAXII-Date-Added-Last"] = f"{dates[found[-1]][:23]}Z"
        return one

    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        count[0] = 2
        one.poll()
        assert one.active("taxii") == 2


def test_collections_of_one_server_share_nothing(tmp_path):
    # OpenCTI's connector shares its filters.
    pages = {"1": tokens(3), "2": tokens(9)}

    def answer(asked):
        number = asked.path.split("/")[3]
        if asked.path.endswith("/objects/"):
            return pages[number](asked)
        about = {"id": number, "title": number, "can_read": True}
        return Reply(json.dumps(about), headers={"Content-Type": TAXII})

    with serving(answer) as server:
        feeds = [
            feed(server.url) | {"name": number, "url": f"{server.url}/root/collections/{number}/"}
            for number in pages
        ]
        one = Polling(tmp_path, *feeds)
        one.poll()
        before = len(server.asked)
        one.poll()
        assert [one.active(number) for number in pages] == [3, 9]
        after = {asked.path: asked.query["added_after"] for asked in server.asked[before:]}
        assert after["/root/collections/1/objects/"].startswith("2026-02-01T00:00:01")
        assert after["/root/collections/2/objects/"].startswith("2026-02-01T00:00:07")


def test_a_failed_login_redirects_to_a_page(tmp_path):
    # opencti#8946
    page = Reply("<!doctype html><title>Log in</title>", headers={"Content-Type": "text/html"})

    def answer(asked):
        if asked.path == "/login":
            return page
        return Reply(status=302, headers={"Location": "/login"})

    with serving(answer) as server:
        one = polling(tmp_path, server.url)
        assert "a page for people" in one.fails("taxii")


def test_an_api_key_is_in_a_header_of_its_own(tmp_path):
    pages = of_21(tokens(3))

    def answer(asked):
        is_known = asked.headers.get("x-api-key") == "secret-key"
        return pages(asked) if is_known else Reply(status=401)

    with serving(answer) as server:
        header = {"name": "X-API-Key", "value": {"env": "KEY"}}
        one = Polling(tmp_path, feed(server.url, header=header), environment={"KEY": "secret-key"})
        one.poll()
        assert one.active("taxii") == 3


def test_a_server_says_nothing_after_it_was_asked(tmp_path):
    # taxii2-client#49 waits for ever.
    pages = tokens(5)

    def silent(asked):
        if "next" in asked.query:
            return Reply("{}", pause=3)
        return pages(asked)

    with serving(of_21(silent)) as server:
        one = polling(tmp_path, server.url)
        begin = time.monotonic()
        assert "idle_timeout" in one.fails("taxii")
        assert time.monotonic() - begin < 60


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_asks_for_patience(tmp_path, form):
    # ATTACK-Python-Client#87: 10 requests in 10 minutes.
    when = "3600" if form == "seconds" else email.utils.formatdate(time.time() + 3600, usegmt=True)
    with serving(of_21(lambda _: Reply(status=429, headers={"Retry-After": when}))) as server:
        one = polling(tmp_path, server.url)
        assert "got 429" in one.fails("taxii")
        before = len(server.asked)
        one.poll_due()
        assert len(server.asked) == before, "it is left alone until then"


def test_the_history_of_objects_is_not_asked_for(tmp_path):
    with serving(of_21(tokens(3))) as server:
        one = polling(tmp_path, server.url)
        one.poll()
        assert all("match[version]" not in asked.query for asked in server.asked)


def test_a_version_that_came_before_changes_nothing(tmp_path):
    old, new = named(1, modified="2026-01-01T00:00:00Z"), named(1, modified="2026-01-03T00:00:00Z")
    new[0]["pattern"] = "[domain-name:value = 'new.example']"
    answers = [envelope(*new), envelope(*old), envelope(*new)]
    with serving(of_21(lambda asked: answers[len(objects_asked(server)) - 1])) as server:
        one = polling(tmp_path, server.url)
        for _ in answers:
            one.poll()
        assert one.active("taxii") == 1 and one.indicators("new.example")


# Adding objects


STATUS = {"id": "s/1", "status": "complete", "request_timestamp": added(1)}


def pushing(statuses: list[dict], **more) -> Pages:
    """Returns a server of TAXII 2.1 that answers POST and each request for the status."""
    left = list(statuses)

    def pages(asked: Asked) -> Reply:
        if asked.path.endswith("/manifest/"):
            return Reply(json.dumps({"objects": []}), headers={"Content-Type": TAXII})
        status = 202 if asked.method == "POST" else 200
        body = {**STATUS, **left.pop(0)}
        return Reply(json.dumps(body), status=status, headers={"Content-Type": TAXII})

    return of_21(pages, **more)


def test_a_pending_status_is_asked_for_until_it_is_complete(tmp_path):
    pending = {"status": "pending", "pending_count": 2, "success_count": 0, "failure_count": 0}
    done = {"success_count": 2, "failure_count": 0, "pending_count": 0}
    with serving(pushing([pending, pending, done])) as server:
        one = polling(tmp_path, server.url)
        told = one.push("taxii", stix.write(tmp_path / "new.json", *named(1, 2)))
        assert (told["added"], told["pending"]) == (2, 0)
        assert server.paths()[-2:] == ["/root/status/s%2F1/"] * 2
        post = next(asked for asked in server.asked if asked.method == "POST")
        assert post.headers["content-type"] == post.headers["accept"] == TAXII
        assert [one["id"] for one in json.loads(post.body)["objects"]] == [
            one["id"] for one in named(1, 2)
        ]


def test_a_status_that_stays_pending_ends_with_the_poll(tmp_path):
    pending = {"status": "pending", "pending_count": 1, "success_count": 1, "failure_count": 0}
    with serving(pushing([pending] * 100)) as server:
        one = Polling(tmp_path, feed(server.url), http={**QUICK, "poll_timeout": "2s"})
        told = one.push("taxii", stix.write(tmp_path / "new.json", *named(1, 2)), expect=3)
        assert (told["added"], told["pending"]) == (1, 1)


def test_failures_are_listed_with_the_reason_of_the_server(tmp_path):
    failed = {"id": named(2)[0]["id"], "version": "x", "message": "too \x1b[31m old"}
    status = {"success_count": 1, "failure_count": 3, "pending_count": 0, "failures": [failed]}
    with serving(pushing([status, status])) as server:
        one = polling(tmp_path, server.url)
        file = stix.write(tmp_path / "new.json", *named(1, 2, 3, 4))
        told = one.push("taxii", file, expect=3)
        assert (told["added"], len(told["failures"])) == (1, 3)
        assert told["failures"][0] == {"id": failed["id"], "message": failed["message"]}


def test_duplicates_are_called_failures(tmp_path):
    # cti-taxii-server#131
    one = named(1)[0]
    failed = {"id": one["id"], "message": "Unable to process object"}
    status = {"success_count": 0, "failure_count": 1, "pending_count": 0, "failures": [failed]}
    entry = {"id": one["id"], "version": one["modified"], "date_added": added(1)}

    def pages(asked):
        is_manifest = asked.path.endswith("/manifest/")
        body = {"objects": [entry]} if is_manifest else {**STATUS, **status}
        return Reply(
            json.dumps(body),
            status=200 if is_manifest else 202,
            headers={"Content-Type": TAXII},
        )

    with serving(of_21(pages)) as server:
        told = polling(tmp_path, server.url).push("taxii", stix.write(tmp_path / "new.json", one))
        assert (told["added"], told["known"], told["failures"]) == (0, 1, [])
        asked = next(asked for asked in server.asked if asked.path.endswith("/manifest/"))
        assert (asked.query["match[id]"], asked.query["match[version]"]) == (one["id"], "all")


def test_a_collection_without_write_permission_gets_nothing(tmp_path):
    with serving(pushing([], can_write=False)) as server:
        one = polling(tmp_path, server.url)
        error = one.push_fails("taxii", stix.write(tmp_path / "new.json", *named(1)), 3)
        assert "`can_write` is false" in error
        assert all(asked.method == "GET" for asked in server.asked)


def test_requests_stay_within_max_content_length(tmp_path):
    status = {"success_count": 1, "failure_count": 0, "pending_count": 0}
    with serving(pushing([status] * 50, max_content_length="1500")) as server:
        one = polling(tmp_path, server.url)
        one.push("taxii", stix.write(tmp_path / "new.json", *named(*range(20))))
        posts = [asked for asked in server.asked if asked.method == "POST"]
        assert len(posts) > 3 and all(len(asked.body) <= 1500 for asked in posts)
        ids = [object_["id"] for asked in posts for object_ in json.loads(asked.body)["objects"]]
        assert ids == [object_["id"] for object_ in named(*range(20))]


def test_a_login_page_answers_objects_that_are_added(tmp_path):
    page = Reply("<html>Log in</html>", headers={"Content-Type": "text/html"})
    with serving(of_21(lambda _: page)) as server:
        one = polling(tmp_path, server.url)
        error = one.push_fails("taxii", stix.write(tmp_path / "new.json", *named(1)), 3)
        assert "a page for people" in error


def test_objects_are_not_sent_to_a_server_that_a_redirect_names(tmp_path):
    with serving(lambda _: Reply("{}", status=202)) as other:

        def pages(asked):
            return Reply(status=307, headers={"Location": f"{other.url}/"})

        with serving(of_21(pages)) as server:
            one = Polling(
                tmp_path, feed(server.url), http={**QUICK, "allow_redirects_to": [other.url]}
            )
            file = stix.write(tmp_path / "new.json", *named(1))
            assert "credentials" in one.push_fails("taxii", file, 3)
            assert not other.asked


# Saving


def test_pages_are_saved_as_they_came_and_the_oldest_make_room(tmp_path):
    saved = tmp_path / "saved"
    pages = tokens(7)
    with serving(of_21(pages)) as server:
        one = polling(tmp_path, server.url, save_to=saved, save_max="1MiB")
        one.poll()
        files = sorted(saved.iterdir())
        assert [file.name.split(".")[0] for file in files] == ["taxii"] * 4
        found = [object_ for file in files for object_ in json.loads(file.read_text())["objects"]]
        assert found == named(*range(7))
        small = polling(tmp_path / "small", server.url, save_to=saved, save_max="1KB")
        small.poll()
        assert sum(file.stat().st_size for file in saved.iterdir()) <= 1000


def test_a_list_is_saved_when_it_changed(tmp_path):
    saved = tmp_path / "saved"
    body = ["evil.example\n"]
    with serving(lambda _: Reply(body[0])) as server:
        settings = {"name": "../list", "type": "url", "url": f"{server.url}/x", "save_to": saved}
        one = Polling(tmp_path, settings)
        one.poll()
        one.poll()
        body[0] = "evil.example\nworse.example\n"
        one.poll()
        texts = [file.read_text() for file in sorted(saved.iterdir())]
        assert texts == ["evil.example\n", "evil.example\nworse.example\n"]
        assert not (tmp_path / "list").exists()


def test_a_poll_that_cannot_save_what_it_received_fails(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with serving(of_21(tokens(3))) as server:
        one = polling(tmp_path, server.url, save_to=blocked)
        one.poll(expect=None)
        assert "cannot save what was received" in one.feed("taxii")["error"]
        assert one.active("taxii") == 0


def test_bombs_are_not_unpacked(tmp_path):
    bomb = Reply(hostile.bomb(200), headers={"Content-Encoding": "gzip", "Content-Type": TAXII})
    with serving(of_21(lambda _: bomb)) as server:
        one = polling(tmp_path, server.url)
        assert "at most 1048576 bytes" in one.fails("taxii")
