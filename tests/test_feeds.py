"""Feeds from servers that misbehave, behind TLS, proxies and redirects. Each fails alone and keeps
its last good state.
"""

import bz2
import gzip
import json
import lzma
import threading
import time

import pytest

from tests import hostile, program, servers, stix, test_archives
from tests.hostile import Reply, envelope, serving
from tests.polling import Polling

KEY = "key-that-nobody-may-see"
QUICK = {"idle_timeout": "1s", "total_timeout": "5s", "max_body": "1MiB"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, tool):
    """An authority that only the tests trust, and its certificates."""
    return servers.certificates(tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl"))


def url_feed(url: str, **settings) -> dict:
    """Returns a feed of type url."""
    return {"name": "url", "type": "url", "url": url, **settings}


def taxii_feed(url: str, **settings) -> dict:
    """Returns a feed of type taxii."""
    return {
        "name": "taxii",
        "type": "taxii",
        "url": f"{url}/root/collections/1/",
        "page_objects": 2,
        **settings,
    }


def taxii(pages):
    """Returns a collection at `/root/collections/1/`. A function returns its pages."""

    def answer(asked):
        if asked.path.endswith("/objects/"):
            return pages(asked)
        return Reply(
            json.dumps({"id": "1", "title": "One", "can_read": True}),
            headers={"Content-Type": servers.TAXII},
        )

    return answer


def named(*numbers: int) -> list[dict]:
    """Returns indicators with these numbers."""
    return [
        stix.indicator(number, f"[domain-name:value = 'h{number}.example']") for number in numbers
    ]


ZEROS = b"# \n" * 1_000_000
BAD = {
    "a slow body": (Reply("evil.example\n" * 100, pause=0.4), "total_timeout"),
    "a body that stalls": (Reply("evil.example\n", pause=3), "idle_timeout"),
    "an endless body": (Reply(endless=True), "at most 1048576 bytes"),
    "a gzip bomb in transfer": (
        Reply(hostile.bomb(200), headers={"Content-Encoding": "gzip"}),
        "at most 1048576 bytes",
    ),
    "a gzip bomb as a file": (Reply(hostile.bomb(200)), "max_body"),
    "a bzip2 bomb": (Reply(bz2.compress(ZEROS)), "max_body"),
    "an xz bomb": (Reply(lzma.compress(ZEROS)), "max_body"),
    "a zip bomb": (Reply(test_archives.zipped([("x", ZEROS)])), "max_body"),
    "a tar bomb": (Reply(test_archives.tarred([("x", ZEROS)], "w:gz")), "max_body"),
    "a zip of two files": (
        Reply(test_archives.zipped([("a", b"evil.example"), ("b", b"evil.example")])),
        "one file",
    ),
    "fewer bytes than announced": (Reply("evil.example\n", missing=10), "connection broke"),
    "a cut gzip": (Reply(gzip.compress(b"evil.example\n" * 1000)[:-9]), "ends in the middle"),
    "500": (Reply("traceback\x1b[2J", status=500), "got 500"),
    "429": (Reply(status=429, headers={"Retry-After": "3600"}), "got 429"),
    "404": (Reply(status=404), "got 404"),
    "206": (Reply("evil.example\n", status=206), "got 206"),
    "a page to log in": (
        Reply("<!DOCTYPE html><title>Log in</title>", headers={"Content-Type": "text/html"}),
        "a page for people",
    ),
    "prose": (Reply("You have to log in first.\n" * 30), "expected a list"),
    "an error in JSON": (Reply('{"error": "too many requests"}'), "an error message"),
    "cut JSON": (Reply('{"type": "bundle", "objects": [{"type": "indicator", '), "damaged JSON"),
    "a redirect without end": (
        Reply(status=302, headers={"Location": "/again"}),
        "at most 5 redirects",
    ),
    "a redirect to a file": (
        Reply(status=302, headers={"Location": "file:///etc/passwd"}),
        "expected an http or https URL",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_leaves_the_last_good_list_serving(tmp_path, kind):
    bad, wanted = BAD[kind]
    replies = [Reply("good.example\nbetter.example\n", headers={"ETag": '"1"'})]
    with serving(lambda _: replies[-1]) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list"), http=QUICK)
        one.poll()
        replies.append(bad)
        error = one.fails("url")
        assert wanted in error, error
        assert error.isprintable()
        assert one.active("url") == 2
        assert one.indicators("good.example")
        replies.append(replies[0])
        one.poll()
        assert one.feed("url")["error"] is None


def test_an_answer_of_another_kind_than_the_preset_is_not_used(tmp_path):
    good = json.dumps(
        {"query_status": "ok", "data": [{"ioc": "good.example", "ioc_type": "domain"}]}
    )
    replies = [Reply(good)]
    with serving(lambda _: replies[-1]) as server:
        feed = url_feed(f"{server.url}/api", preset="threatfox-api", every="1h")
        one = Polling(tmp_path, feed)
        one.poll()
        assert one.active("url") == 1
        # The publisher allows no second poll so soon, in whatever process.
        one.poll()
        assert len(server.asked) == 1
    again = tmp_path / "again"
    again.mkdir()
    with serving(lambda _: replies[-1]) as server:
        feed = url_feed(f"{server.url}/api", format="threatfox-api")
        one = Polling(again, feed)
        one.poll()
        replies.append(Reply('{"query_status": "unknown_auth_key", "data": "no such key"}'))
        assert "records at `data[]`" in one.fails("url")
        assert one.active("url") == 1


def test_max_bad_limits_what_a_list_may_reject(tmp_path):
    good = "".join(f"h{number}.example\n" for number in range(50))
    replies = [Reply(good)]
    with serving(lambda _: replies[-1]) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list", max_bad=0.1))
        one.poll()
        replies.append(Reply(good + "not a value\n" * 10))
        assert "50 lines are values and 10 are not" in one.fails("url")
        replies.append(Reply(good + "not a value\n" * 2))
        one.poll()
        assert one.active("url") == 50


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_key_in_a_url_is_sent_and_never_shown(tmp_path, monkeypatch, place):
    key = "s3cr3t/+k"
    settings = {}
    if place == "file":
        path = tmp_path / "key"
        path.touch(mode=0o600)
        program.write(path, key)
        settings["keys"] = {"FEED_KEY": {"file": str(path)}}
    else:
        monkeypatch.setenv("FEED_KEY", key)
    with serving(lambda asked: Reply(f"unknown key {key} in {asked.path}", status=404)) as server:
        url = f"{server.url}/v2/${{FEED_KEY}}/recent.csv"
        one = Polling(tmp_path, url_feed(url, **settings))
        error = one.fails("url")
        assert "/v2/s3cr3t%2F%2Bk/recent.csv" in server.asked[0].path
    assert "/v2/***/recent.csv" in error
    for text in [
        error,
        json.dumps(one.feed("url")),
        program.run("config", "show", "--config", one.path).stdout.decode(),
        program.run("config", "check", "--config", one.path, expect=None).stdout.decode(),
    ]:
        assert key not in text and "s3cr3t" not in text


def test_a_list_is_fetched_again_only_if_it_changed(tmp_path):
    text = ["good.example\n", '"1"']

    def answer(asked):
        if asked.headers.get("if-none-match") == text[1]:
            return Reply(status=304)
        return Reply(gzip.compress(text[0].encode()), headers={"ETag": text[1]})

    with serving(answer) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list.gz"))
        one.poll()
        one.poll()
        assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"']
        text[:] = ["good.example\nevil.example\n", '"2"']
        one.poll()
        assert one.active("url") == 2


@pytest.mark.parametrize("settings", [
    {"user": "reader", "password": {"env": "KEY"}},
    {"token": {"env": "KEY"}},
    {"header": {"name": "X-API-Key", "value": {"env": "KEY"}}},
])  # fmt: skip
def test_credentials_stay_at_home(tmp_path, settings):
    def carried(asked) -> bool:
        return "authorization" in asked.headers or "x-api-key" in asked.headers

    back = []
    with serving(lambda _: Reply(status=302, headers={"Location": back[0]})) as other:

        def answer(asked):
            target = {"/list": "/moved", "/far": f"{other.url}/x?q=1"}.get(asked.path)
            return (
                Reply(status=307, headers={"Location": target})
                if target
                else Reply("evil.example\n")
            )

        with serving(answer) as server:
            back.append(f"{server.url}/back")
            near = Polling(
                tmp_path / "near",
                url_feed(f"{server.url}/list", **settings),
                environment={"KEY": KEY},
            )
            near.poll()
            assert server.paths() == ["/list", "/moved"] and all(map(carried, server.asked))
            http = {"allow_redirects_to": [other.url]}
            far = Polling(
                tmp_path / "far",
                url_feed(f"{server.url}/far", **settings),
                http=http,
                environment={"KEY": KEY},
            )
            far.poll()
            assert other.paths() == ["/x"] and not carried(other.asked[0])
            assert server.paths()[2:] == ["/far", "/back"] and not carried(server.asked[3])
            for one in (near, far):
                assert KEY not in json.dumps(one.feed("url"))


def test_a_secret_that_comes_back_is_not_shown(tmp_path):
    with serving(
        lambda asked: Reply(f"no entry with {asked.headers['x-api-key']}", status=403)
    ) as server:
        header = {"name": "X-API-Key", "value": {"env": "KEY"}}
        one = Polling(
            tmp_path,
            url_feed(f"{server.url}/list?key={KEY}", header=header),
            environment={"KEY": KEY},
        )
        told = one.poll(expect=program.REMOTE)
        error = one.feed("url")["error"]
        assert "got 403" in error and "no entry with" in error
        assert KEY not in error + told


def test_a_private_authority_and_a_client_certificate(tmp_path, certificates):
    shown = {"client_certificate": certificates.client, "client_key": certificates.client_key}
    http = {"ca_files": [certificates.authority]}
    pages = taxii(lambda _: envelope(*named(1)))
    with serving(pages, certificates, wants_client=True) as server:
        one = Polling(tmp_path / "one", taxii_feed(server.url, **shown), http=http)
        one.poll()
        assert {asked.client for asked in server.asked} == {"client"}
        assert one.active("taxii") == 1
        unknown = Polling(tmp_path / "unknown", taxii_feed(server.url, **shown))
        assert "no connection" in unknown.fails("taxii"), "the authority is not trusted"
        without = Polling(tmp_path / "without", taxii_feed(server.url), http=http)
        without.fails("taxii")


def test_a_client_certificate_is_shown_to_nobody_else(tmp_path, certificates):
    shown = {"client_certificate": certificates.client, "client_key": certificates.client_key}
    # The other server would accept the certificate: it asks for one but does not require it.
    with serving(lambda _: Reply("evil.example\n"), certificates) as other:
        with serving(
            lambda _: Reply(status=302, headers={"Location": f"{other.url}/list"}),
            certificates,
            wants_client=True,
        ) as server:
            http = {"ca_files": [certificates.authority], "allow_redirects_to": [other.url]}
            one = Polling(tmp_path, url_feed(f"{server.url}/list", **shown), http=http)
            one.poll()
            assert [asked.client for asked in server.asked + other.asked] == ["client", None]


def test_encryption_is_not_left(tmp_path, certificates):
    with serving(lambda _: Reply("evil.example\n")) as plain:
        with serving(
            lambda _: Reply(status=302, headers={"Location": f"{plain.url}/list"}), certificates
        ) as server:
            one = Polling(
                tmp_path,
                url_feed(f"{server.url}/list"),
                http={"ca_files": [certificates.authority]},
            )
            assert "leave encryption" in one.fails("url")
            assert not plain.asked


@pytest.mark.parametrize("by", ["setting", "environment"])
def test_a_proxy(tmp_path, by):
    with serving(lambda _: Reply("evil.example\n")) as proxy:
        feeds = [
            url_feed("http://feeds.example/list"),
            url_feed("http://near.example/list") | {"name": "near"},
        ]
        environment = {"NO_PROXY": "near.example"} | (
            {"HTTP_PROXY": proxy.url} if by == "environment" else {}
        )
        one = Polling(
            tmp_path,
            *feeds,
            http={"proxy": proxy.url} if by == "setting" else {},
            environment=environment,
        )
        one.poll(expect=program.REMOTE)
        assert one.active("url") == 1
        assert proxy.paths() == ["/list"] and proxy.asked[0].headers["host"] == "feeds.example"
        assert "no connection" in one.feed("near")["error"]


def test_a_server_that_is_busy_for_a_moment_is_asked_once_more(tmp_path):
    replies = [Reply(status=503, headers={"Retry-After": "1"}), Reply("evil.example\n")]
    with serving(lambda _: replies.pop(0)) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list"))
        one.poll()
        assert len(server.asked) == 2 and one.active("url") == 1


def test_a_feed_that_failed_waits(tmp_path):
    with serving(lambda _: Reply(status=429, headers={"Retry-After": "3600"})) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list"))
        one.fails("url")
        program.run("poll", "--config", one.path, env=one.environment)
        assert len(server.asked) == 1


def test_each_feed_fails_alone(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    program.write(lists / "a.txt", "local.example")
    with (
        serving(taxii(lambda _: envelope(*named(1, 2)))) as good,
        serving(lambda _: Reply(status=500)) as bad,
    ):
        feeds = [
            taxii_feed(good.url),
            url_feed(f"{bad.url}/list"),
            {"name": "path", "type": "path", "path": lists},
        ]
        one = Polling(tmp_path, *feeds)
        told = one.poll(expect=program.REMOTE)
        assert "url" in told and "got 500" in told
        assert (one.active("taxii"), one.active("path")) == (2, 1)


def test_numbers_as_next_and_other_liberties(tmp_path):
    def pages(asked):
        if "match[type]" in asked.query:
            return Reply("what is match?", status=400)
        first = int(asked.query.get("next", 0))
        more = {"more": True, "next": first + 1} if first < 3 else {"more": False}
        one = envelope(*named(first), **more)
        one.status, one.headers = 206, {"Content-Type": "application/json; charset=utf-8"}
        return one

    with serving(taxii(pages)) as server:
        one = Polling(tmp_path, taxii_feed(server.url))
        one.poll()
        assert one.active("taxii") == 4
        nexts = [asked.query.get("next") for asked in server.asked if "/objects/" in asked.path]
        assert nexts[1:] == [None, "1", "2", "3"]


def test_more_without_next_goes_on_by_date(tmp_path):
    dates = [f"2026-02-01T00:00:{second:02}.000000Z" for second in (1, 2, 2, 3, 4)]

    def pages(asked):
        left = [number for number in range(5) if dates[number] > asked.query.get("added_after", "")]
        page = left[: int(asked.query["limit"])]
        one = envelope(*named(*page), more=len(page) < len(left))
        one.headers["X-TAXII-Date-Added-Last"] = dates[page[-1]] if page else ""
        return one

    with serving(taxii(pages)) as server:
        one = Polling(tmp_path, taxii_feed(server.url, overlap="1ms"))
        one.poll()
        assert one.active("taxii") == 5, "two were added at the same moment, on two pages"
        before = len(server.asked)
        one.poll()
        assert len(server.asked) == before + 1


@pytest.mark.parametrize(
    ("pages", "wanted"),
    [
        (lambda _: envelope(*named(1), more=True, next="x"), "repeats itself"),
        (lambda _: envelope(*named(1), more=True), "X-TAXII-Date-Added-Last"),
        (
            lambda asked: envelope(*named(1)) if "next" not in asked.query else Reply(status=400),
            None,
        ),
        (
            lambda asked: (
                envelope(*named(1), more=True, next="x")
                if "next" not in asked.query
                else Reply(status=400)
            ),
            "got 400",
        ),
        (lambda _: Reply('{"objects": [{"type": "indicator", "id": '), "damaged JSON"),
        (
            lambda _: Reply('{"title": "something else"}'),
            "expected a STIX bundle, a TAXII envelope",
        ),
        (
            lambda _: Reply(status=302, headers={"Location": "/again/objects/"}),
            "at most 5 redirects",
        ),
    ],
)
def test_servers_that_go_round_in_circles(tmp_path, pages, wanted):
    with serving(taxii(pages)) as server:
        one = Polling(tmp_path, taxii_feed(server.url), http=QUICK)
        if wanted is None:
            one.poll()
            return
        error = one.fails("taxii")
        assert wanted in error, error
        assert one.active("taxii") == 0
        assert len(server.asked) < 20


def test_a_login_page_of_another_server(tmp_path):
    with serving(
        lambda _: Reply("<html>Log in</html>", headers={"Content-Type": "text/html"})
    ) as other:
        with serving(
            taxii(lambda _: Reply(status=302, headers={"Location": f"{other.url}/login"}))
        ) as server:
            one = Polling(
                tmp_path, taxii_feed(server.url), http={"allow_redirects_to": [other.url]}
            )
            assert "a page for people" in one.fails("taxii")


def test_a_large_collection_page_by_page(tmp_path):
    count, size = 20_000, 1000

    def pages(asked):
        first = int(asked.query.get("next", 0))
        end = first + int(asked.query["limit"])
        return envelope(
            *named(*range(first + 1, min(end, count) + 1)),
            **({"more": True, "next": str(end)} if end < count else {}),
        )

    with serving(taxii(pages)) as server:
        one = Polling(tmp_path, taxii_feed(server.url, page_objects=size))
        one.poll()
        assert one.active("taxii") == count
        assert sum("/objects/" in path for path in server.paths()) == count // size


def test_files_and_folders(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    program.write(lists / "a.txt", "evil.example", "worse.example")
    stix.write(lists / "b.json", *named(1, 2))
    (lists / "c.txt.gz").write_bytes(gzip.compress(b"packed.example\n"))
    one = Polling(tmp_path, {"name": "path", "type": "path", "path": lists})
    one.poll()
    assert one.active("path") == 5
    (lists / "b.json").write_text('{"type": "bundle", "objects": [')
    assert "b.json: damaged JSON" in one.fails("path")
    assert one.active("path") == 5
    stix.write(lists / "b.json", *named(1, 2, 3))
    one.poll()
    assert one.active("path") == 6


def test_a_stopped_round_leaves_nothing_behind(tmp_path):
    with serving(lambda _: Reply("evil.example\n" * 100, pause=0.5)) as server:
        one = Polling(tmp_path, url_feed(f"{server.url}/list"))
        process = program.start("poll", "--config", one.path)
        while not server.asked:
            time.sleep(0.02)
        threading.Timer(0.2, process.terminate).start()
        process.communicate(timeout=10)
        assert one.active("url") == 0
