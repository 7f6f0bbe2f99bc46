"""The page at `/`, as a person uses it in a browser, and who may see and change what."""

import re
import time
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests import program, servers
from tests.service import Service
from tests.test_api import digest, lines

HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
READ, WRITE = "a token that only reads", "a token that may change"
WIDTHS = (360, 800, 1600)


@pytest.fixture(scope="module")
def browser(tool):
    """A browser without a window."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=tool("chromium", "chromium"), args=["--no-sandbox"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory, tool):
    """The certificates of a server."""
    return servers.certificates(tmp_path_factory.mktemp("certificates"), tool("openssl", "openssl"))


def service(folder, count: int = 12, **server) -> Service:
    """Returns a service with a good feed and one that fails, whose names and values are hostile."""
    feeds = [
        {"name": f"list {HOSTILE}", "type": "path", "path": "list.csv"},
        {"name": "gone", "type": "path", "path": "gone.txt"},
    ]
    tables = {
        "server": {"listen": "127.0.0.1:0", "max_requests": 1_000_000, **server},
        "health": {"feed_dead_after": "1s"},
        "output": {"file": folder},
    }
    one = Service(folder, feeds, tables)
    one.logs = [{"name": "proxy", "paths": ["access.log"]}]
    name = HOSTILE.replace('"', '""')
    program.write(folder / "list.csv", "value,name", f'evil.example,"{name}"', "bad.example,plain")
    hostile = lines(1)[0].replace("/a", f"/{HOSTILE.replace(' ', '%20')}")
    program.write(folder / "access.log", *lines(count, 1), hostile)
    return one


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service that needs no credentials. Its only condition is the blocked output."""
    with service(tmp_path_factory.mktemp("page")) as one:
        one.wait_for_rounds(1)
        yield one


@pytest.fixture
def page(browser, running):
    """A new window, which must meet no error."""
    with opened(browser, running) as window:
        yield window


class opened:
    """A window that shows a service's page. At its end, nothing may have gone wrong in it."""

    def __init__(self, browser, one: Service, **settings):
        settings.setdefault("viewport", {"width": 1200, "height": 800})
        self.context = browser.new_context(ignore_https_errors=True, **settings)
        self.url = f"{one.scheme}://127.0.0.1:{one.port}"
        self.troubles: list[str] = []

    def __enter__(self):
        window = self.context.new_page()
        window.on("console", self.listen)
        window.on("pageerror", lambda error: self.troubles.append(str(error)))
        window.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        window.goto(f"{self.url}/")
        return window

    def listen(self, said) -> None:
        """Notes what the browser complains about. Hints are no complaints."""
        if said.type in {"error", "warning"}:
            self.troubles.append(said.text)

    def __exit__(self, kind, *_):
        self.context.close()
        # Tests ask for what is refused, which the browser reports.
        real = [text for text in self.troubles if "status of 4" not in text]
        assert kind or not real, real


def test_what_is_wrong_comes_first_and_the_rest_is_there(page):
    text = page.locator("main").inner_text()
    assert text.index("thing") < text.index("output not writable") < text.index("Feeds")
    assert page.title().startswith("1 wrong")
    feeds = page.get_by_role("region", name="Feeds")
    expect(feeds.get_by_role("row").nth(1)).to_contain_text("ok")
    expect(feeds.get_by_role("row").nth(2)).to_contain_text("failing")
    matches = page.get_by_role("region", name="Newest matches")
    expect(matches.get_by_role("row")).to_have_count(14)
    expect(page.get_by_role("img", name=re.compile("Flagged events"))).to_be_visible()
    assert page.locator(".plot svg rect").count() == 1, "one day"
    for name in ("Queues", "Generations", "Mutes", "Retractions"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_hostile_texts_are_only_text(page):
    assert page.title().startswith("1 wrong"), "no script of a feed's name ran"
    body = page.locator("main").inner_text()
    assert HOSTILE in body, "the feed's name"
    assert page.locator("main img, main script").count() == 0
    first = page.get_by_role("region", name="Newest matches").get_by_role("row").nth(1)
    first.get_by_text("Line", exact=True).click()
    expect(first.locator("code")).to_contain_text("onerror")
    first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("matches")
    assert page.locator("main img, main script").count() == 0 and page.title() != "run"


def test_a_value_is_explained_retracted_and_restored(page, running):
    page.get_by_role("searchbox").fill("hxxp://www[.]bad[.]example/a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("matches")
    told = running.run("explain", "hxxp://www[.]bad[.]example/a")
    assert page.get_by_role("region", name="Explanation").inner_text().strip() == told.strip()
    page.get_by_label("Value, or id of an indicator").fill("bad.example")
    page.get_by_role("textbox", name="Reason").first.fill("our <b>own</b>")
    page.get_by_role("button", name="Retract").click()
    expect(page.get_by_role("status")).to_contain_text("retracted")
    expect(page.locator("section", has_text="Retractions")).to_contain_text("our <b>own</b>")
    page.get_by_role("button", name="Undo the retraction of bad.example").click()
    expect(page.get_by_role("status")).to_contain_text("counts again")
    expect(page.get_by_text("Nothing is retracted.")).to_be_visible()


def test_mutes_are_made_with_the_keyboard_alone(page, running):
    page.get_by_text("Add a mute").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    for text in ("www.evil.example", None, "a scanner"):
        page.keyboard.press("Tab")
        if text:
            page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The mute is added")
    assert "host www.evil.example" in running.run("mute", "list").replace("      ", " ")
    page.get_by_role("button", name="Remove the mute of www.evil.example").click()
    expect(page.get_by_text("Nothing is muted.")).to_be_visible()
    page.get_by_text("Add a mute").click()
    page.get_by_label("Value", exact=True).fill("d41d8cd98f00b204e9800998ecf8427e")
    page.get_by_label("What").select_option("host")
    page.locator("#mute-reason").fill("x")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("expected a host name")


def test_the_first_key_leads_to_the_content(page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(browser, running, scheme):
    for width in WIDTHS:
        window = {"width": width, "height": 800}
        with opened(browser, running, color_scheme=scheme, viewport=window) as page:
            for path in (
                "/",
                "/search?value=evil.example",
                "/login",
                "/search?value=" + "x" * 2500,
            ):
                page.goto(f"http://127.0.0.1:{running.port}{path}")
                for summary in page.locator("details.form > summary").all():
                    summary.click()
                found = Axe().run(page)
                assert found.violations_count == 0, f"{path} {width}\n{found.generate_report()}"
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if width == WIDTHS[0] and scheme == "dark":
            break


def test_the_page_follows_what_happens(tmp_path, browser):
    with service(tmp_path, 3) as one:
        one.wait_for_rounds(1)
        with opened(browser, one) as page:
            page.evaluate("document.body.dataset.mark = 'same page'")
            with (tmp_path / "access.log").open("a") as log:
                log.write("\n".join(lines(5, 100)) + "\n")
            page.get_by_role("button", name="Start a round").click()
            expect(page.get_by_role("status")).to_contain_text("queued")
            page.evaluate("document.activeElement.blur()")
            rows = page.get_by_role("region", name="Newest matches").get_by_role("row")
            expect(rows).to_have_count(10, timeout=20_000)
            expect(page.locator("#round")).to_contain_text("Round 2 ended")
            began = time.monotonic()
            one.stop()
            assert time.monotonic() - began < 10, "an open stream of events ends at once"


def test_off_loopback_people_log_in(tmp_path, browser, certificates):
    tokens = [
        {"name": "night shift", "sha256": digest(READ), "role": "read"},
        {"name": "ops", "sha256": digest(WRITE), "role": "write"},
    ]
    one = service(
        tmp_path,
        listen="0.0.0.0:0",
        tokens=tokens,
        certificate=certificates.server,
        key=certificates.server_key,
    )
    one.certificates = certificates
    bare = {"context": None}
    with one:
        one.wait_for_rounds(1)
        bare["context"] = one.context(None)
        answer = one.ask("/", **bare)
        assert (answer.status, answer.headers["location"]) == (303, "/login")
        assert one.ask("/page/live", **bare).status == 303
        with opened(browser, one) as page:
            page.get_by_label("Token").fill("wrong")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_contain_text("not known")
            page.get_by_label("Token").fill(READ)
            page.keyboard.press("Enter")
            expect(page.get_by_text("night shift (read only)")).to_be_visible()
            assert page.get_by_role("button", name="Start a round").count() == 0
            [cookie] = page.context.cookies()
            assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict"
            assert READ not in cookie["value"]
            reader = {"Cookie": f"threatsieve={cookie['value']}"}
            assert one.ask("/", headers=reader, **bare).status == 200
            assert one.ask("/api/v1/status", headers=reader, **bare).status == 401
            form = re.search(
                r'name="form" value="([^"]+)"', one.ask("/", headers=reader, **bare).text
            )
            assert post(one, "/page/round", reader, form=form[1]).status == 403, "it only reads"
            page.get_by_role("button", name="Log out").click()
            expect(page.get_by_role("heading", name="Log in")).to_be_visible()
            assert one.ask("/", headers=reader, **bare).status == 303, "the session is over"
            page.get_by_label("Token").fill(WRITE)
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name="Start a round")).to_be_visible()
            [cookie] = page.context.cookies()
            writer = {"Cookie": f"threatsieve={cookie['value']}"}
            for wrong in ({}, {"form": ""}, {"form": form[1]}):
                assert post(one, "/page/round", writer, **wrong).status in (400, 403)
            page.get_by_role("button", name="Start a round").click()
            expect(page.get_by_role("status")).to_contain_text("queued")
            one.wait_for_rounds(2)
            # A token that is taken away ends its sessions.
            one.tables["server"]["tokens"] = tokens[:1]
            one.write()
            one.process.send_signal(1)
            one.wait_for(lambda: "configuration reloaded" in one.log())
            assert one.ask("/", headers=writer, **bare).status == 303
    assert '"by":"ops"' in one.log() and WRITE not in one.log() and READ not in one.log()


def post(one: Service, path: str, headers: dict, **fields):
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    body = urlencode(fields).encode()
    return one.ask(path, "POST", headers, body, context=one.context(None))


def test_other_pages_may_link_here_but_send_nothing(running):
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    answer = running.ask("/", headers=link)
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(
        r"<script(?! src=)|<style|\sstyle=|\son\w+=", answer.text.split("Feeds</h2>")[0]
    )
    assert running.ask("/", headers={**link, "Sec-Fetch-Dest": "iframe"}).status == 403
    assert running.ask("/api/v1/status", headers=link).status == 403
    assert running.ask("/page/round", "POST", headers=link).status == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = running.ask("/page/round", "POST", headers=form, body=b"form=guessed")
    assert refused.status == 403 and "Not done" in refused.text
    evil = {**form, "Origin": "https://evil.example"}
    assert running.ask("/login", "POST", headers=evil, body=b"token=x").status == 403
    assert running.ask("/", headers={"Host": "evil.example"}).status == 421
