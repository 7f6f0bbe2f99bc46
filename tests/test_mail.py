"""Alerts, as a real mail server gets them. What is matched is written into the state, so that this is about mails alone."""

import signal
import sqlite3
import threading
import time

import pytest

from tests import program
from tests.smtp import PASSWORD, USER, Authority, Server, free_port

NOW = 1_795_578_300_000_000  # 2026-11-25T03:45:00Z
LEVELS = {"CLEAR": 0, "GREEN": 1, "AMBER": 2, "AMBER+STRICT": 3, "RED": 4}
SOC, BOSS, LEAD = "soc@soc.example", "boss@soc.example", "lead@soc.example"


@pytest.fixture(scope="session")
def authority(tool, tmp_path_factory) -> Authority:
    tool("openssl", "openssl")
    return Authority(tmp_path_factory.mktemp("authority"))


class Station:
    """A controller with matches that nobody was told of."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "threatsieve.toml"
        self.count = 0
        self.output = ""

    def configure(self, port: int, *recipients, tls="none", ca=None, password=None, timeout="10s"):
        """Recipients are addresses, or pairs of one with its ceiling."""
        pairs = [(each, "RED") if isinstance(each, str) else each for each in recipients or [SOC]]
        people = ", ".join(f'{{ address = "{address}", max_tlp = "{tlp}" }}' for address, tlp in pairs)
        lines = [
            f'state = "{self.folder / "state"}"',
            "[output]",
            f'file = "{self.folder / "flagged.ndjson"}"',
            "[alerts]",
            'from = "Threatsieve <threatsieve@soc.example>"',
            f"recipients = [{people}]",
            "[alerts.smtp]",
            'host = "localhost"',
            f"port = {port}",
            f'tls = "{tls}"',
            f'timeout = "{timeout}"',
        ]
        if ca:
            lines.append(f'ca_files = ["{ca}"]')
        if password:
            (self.folder / "password").write_text(password)
            lines += [f'user = "{USER}"', f'password = {{ file = "{self.folder / "password"}" }}']
        program.write(self.config, *lines)
        return self

    def poll(self, expect=None):
        """One round. What it said is kept in `output`."""
        result = program.run("poll", "--config", self.config, expect=expect)
        self.output = (result.stdout + result.stderr).decode()
        return result.returncode

    def state(self) -> sqlite3.Connection:
        if not (self.folder / "state" / "state.db").exists():
            assert self.poll() == program.DONE, self.output
        connection = sqlite3.connect(self.folder / "state" / "state.db", isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    def match(self, entry, *sayings, observable=None, kind="domain-name", source="10.1.2.3", raw=None, historic=0, fields=None):
        """An event with an entry in it; sayings are (feed, indicator, confidence, TLP, name) of those who vouch for the entry."""
        self.count += 1
        number, observable = self.count, observable or entry
        raw = raw or f"1795578000.123 87 {source} TCP_MISS/200 GET {observable} - HIER_DIRECT/198.51.100.7"
        state = self.state()
        state.execute(
            "INSERT OR IGNORE INTO files (id, source, digest, digest_bytes, path, device, inode, size, modified, seen)"
            " VALUES (9, 'squid', x'00', 1, '/var/log/squid/access.log', 1, 1, 1, 1, 1)"
        )
        event = state.execute(
            "INSERT INTO events (file, offset, line, uid, occurred, source, raw) VALUES (9, ?, ?, ?, ?, ?, ?)",
            (number, number, str(number), NOW + number * 1_000_000, source, raw),
        ).lastrowid
        for feed, indicator, confidence, tlp, name in sayings or [("list", entry, None, None, None)]:
            state.execute(
                "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, field, how, confidence, tlp, name, generation,"
                " found, historic) VALUES (?, ?, ?, ?, ?, ?, ?, 'exact', ?, ?, ?, 1, 1, ?)",
                (event, feed, indicator, kind, entry, observable, fields or "url.original", confidence, LEVELS.get(tlp), name, historic),
            )
        state.close()

    def mails(self) -> list[sqlite3.Row]:
        state = self.state()
        rows = state.execute("SELECT * FROM mails ORDER BY id").fetchall()
        state.close()
        return rows

    def make_due(self):
        """As if the pause before the next try were over."""
        state = self.state()
        state.execute("UPDATE mails SET next_attempt = 0 WHERE state = 0")
        state.close()


@pytest.fixture
def station(tmp_path) -> Station:
    return Station(tmp_path).configure(free_port())


def test_what_a_mail_is(station, authority):
    with Server("starttls", authority, auth=True) as server:
        station.configure(server.port, tls="starttls", ca=authority.certificate, password=PASSWORD)
        station.match("evil.example", ("misp", "indicator--1", 90, "AMBER", "Emotet\r\nBcc: x@y.example"), observable="http://www.evil.example/a")
        station.match("evil.example", source="10.1.2.4")
        station.match("http://bad.example/in.zip", kind="url", historic=1)
        station.poll()
    [mail] = server.received
    message = mail.message
    assert (mail.sender, mail.recipients, mail.encrypted) == ("threatsieve@soc.example", [SOC], True)
    assert message["Subject"] == "[threatsieve] TLP:AMBER 2 indicators matched, 3 events, 2 hosts (evil[.]example, hxxp://bad[.]example/in[.]zip)"
    assert (message["From"], message["To"], message["Bcc"]) == ("Threatsieve <threatsieve@soc.example>", SOC, None)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] and message["List-Id"] and message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert mail.raw.isascii() and max(map(len, mail.raw.split(b"\r\n"))) <= 998
    for form in ("plain", "html"):
        text = mail.part(form)
        for told in ("TLP:AMBER", "evil[.]example", "misp", "indicator--1", "Emotet", "90", "10[.]1[.]2[.]3", "10[.]1[.]2[.]4", "threatsieve explain"):
            assert told in text, (form, told)
    assert "color-scheme" in mail.part("html") and "<img" not in mail.part("html") and "<a " not in mail.part("html")
    [row] = station.mails()
    assert (row["state"], row["message_id"]) == (1, mail.message_id) and row["sent"]


def test_nothing_bad_can_be_clicked(station):
    values = {
        "evil.example": "domain-name",
        "http://evil.example/a.b?c=d.example": "url",
        "198.51.100.9": "ipv4-addr",
        "2001:db8::bad": "ipv6-addr",
        "bob@evil.example": "email-addr",
        "ftp://203.0.113.8/x": "url",
    }
    with Server() as server:
        station.configure(server.port)
        for value, kind in values.items():
            everywhere = f"see {value}, <a href='{value}'>here</a>"
            station.match(value, ("f " + value, "i " + value, 50, None, everywhere), kind=kind, source=value, raw=everywhere * 3, fields=value)
        station.poll()
    [mail] = server.received
    for form in ("plain", "html"):
        text = mail.part(form)
        for raw in [*values, "evil.example", "http://", "https://", "ftp://"]:
            assert raw not in text, (form, raw)
    assert "<a " not in mail.part("html")
    assert "evil.example" not in message_headers(mail)


def message_headers(mail) -> str:
    return mail.raw.split(b"\r\n\r\n")[0].decode()


def test_ceilings(station):
    """Two feeds behind one match: each reader sees those at or below the own ceiling, in words, numbers and headers."""
    with Server() as server:
        station.configure(server.port, (BOSS, "GREEN"), (SOC, "AMBER"), (LEAD, "RED"))
        station.match("evil.example", ("open", "indicator--open", 40, "GREEN", "Open name"), ("closed", "indicator--closed", 95, "RED", "Closed name"))
        station.match("secret.example", ("closed", "indicator--secret", 95, "RED", None), source="10.9.9.9")
        station.poll()
    mails = {mail.recipients[0]: mail for mail in server.received}
    assert set(mails) == {BOSS, SOC, LEAD}
    for reader in (BOSS, SOC):
        mail = mails[reader]
        whole = mail.part("plain") + mail.part("html") + message_headers(mail)
        assert "Open name" in whole and "TLP:GREEN" in whole
        for hidden in ("losed", "(95)", "secret", "10[.]9", "RED", "2 indicators"):
            assert hidden not in whole, (reader, hidden)
    whole = mails[LEAD].part("plain")
    assert "Open name" in whole and "Closed name" in whole and "secret[.]example" in whole and whole.startswith("TLP:RED")


def test_nothing_under_a_ceiling_is_no_mail(station):
    with Server() as server:
        station.configure(server.port, (BOSS, "CLEAR"), (SOC, "RED"))
        station.match("evil.example", ("closed", "indicator--1", 95, "RED", None))
        station.poll()
    assert [mail.recipients for mail in server.received] == [[SOC]]


def test_told_once(station):
    with Server() as server:
        station.configure(server.port)
        station.match("evil.example")
        station.poll()
        station.poll()
        assert len(server.received) == 1
        station.match("later.example")
        station.poll()
    first, second = server.received
    assert "later[.]example" in second.part("plain") and "evil[.]example" not in second.part("plain")
    assert first.message_id != second.message_id


def test_several_recipients_one_connection(station):
    with Server() as server:
        station.configure(server.port, SOC, BOSS, LEAD)
        station.match("evil.example")
        station.poll()
    assert [mail.recipients for mail in server.received] == [[SOC], [BOSS], [LEAD]]
    assert len({mail.message_id for mail in server.received}) == 3
    assert len(server.peers) == 1


def test_implicit_tls(station, authority):
    with Server("implicit", authority) as server:
        station.configure(server.port, tls="implicit", ca=authority.certificate)
        station.match("evil.example")
        station.poll()
    assert [mail.encrypted for mail in server.received] == [True]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_an_unknown_authority_is_refused(station, authority, tls):
    with Server(tls, authority) as server:
        station.configure(server.port, tls=tls)
        station.match("evil.example")
        station.poll()
        assert not server.received
        [row] = station.mails()
        assert row["state"] == 0 and "certificate" in row["error"], row["error"]


def test_a_server_without_starttls_is_refused(station, authority):
    with Server("none") as server:
        station.configure(server.port, tls="starttls", ca=authority.certificate, password=PASSWORD)
        station.match("evil.example")
        station.poll()
    assert not server.received and not server.peers
    assert "STARTTLS" in station.mails()[0]["error"]


def test_a_wrong_password_is_kept_quiet(station, authority):
    with Server("starttls", authority, auth=True) as server:
        station.configure(server.port, SOC, BOSS, tls="starttls", ca=authority.certificate, password="wrong password")
        station.match("evil.example")
        station.poll()
        assert not server.received
        assert all(row["state"] == 0 and "535" in row["error"] for row in station.mails())
        assert "wrong password" not in station.output + "".join(row["error"] for row in station.mails())
        assert station.output.count("mails wait") == 1, f"told once:\n{station.output}"
        station.configure(server.port, SOC, BOSS, tls="starttls", ca=authority.certificate, password=PASSWORD)
        station.make_due()
        station.poll()
        assert len(server.received) == 2


def test_one_recipient_refused(station):
    with Server(recipient_replies={BOSS: "550 5.1.1 no such user here"}) as server:
        station.configure(server.port, SOC, BOSS, LEAD)
        station.match("evil.example")
        station.poll()
        station.make_due()
        station.poll()
    digests = [mail.recipients for mail in server.received if "problem" not in mail.message["Subject"]]
    assert digests == [[SOC], [LEAD]]
    news = {(mail.recipients[0], mail.message["Subject"]) for mail in server.received if "problem" in mail.message["Subject"]}
    assert news == {(each, f"[threatsieve] problem: mails not delivered: {BOSS}") for each in (SOC, LEAD)}
    rows = {row["recipient"]: row for row in station.mails()}
    assert [rows[each]["state"] for each in (SOC, BOSS, LEAD)] == [1, 2, 1]
    assert rows[BOSS]["error"] == "550 5.1.1 no such user here"


@pytest.mark.parametrize(
    "refusal",
    [
        {"recipient_replies": {SOC: "450 4.2.1 greylisted"}},
        {"data_reply": "451 4.3.0 try later"},
        {"sender_reply": "550 5.7.1 sender unknown"},
        {"sender_reply": "421 4.3.2 closing"},
    ],
    ids=["recipient 4xx", "data 4xx", "sender 5xx", "closing"],
)
def test_refused_for_now(station, refusal):
    with Server(**refusal) as server:
        station.configure(server.port)
        station.match("evil.example")
        station.poll()
        station.poll()
        [row] = station.mails()
        code = next(iter(refusal.values()))
        code = (code if isinstance(code, str) else code[SOC])[:3]
        assert (row["state"], row["attempts"]) == (0, 1) and code in row["error"], row["error"]
        assert row["next_attempt"] > row["composed"]
        server.recipient_replies, server.data_reply, server.sender_reply = {}, None, None
        station.make_due()
        station.poll()
        [mail] = server.received
        assert mail.message_id == row["message_id"]
    assert station.mails()[0]["state"] == 1


def test_refused_for_good(station):
    with Server(data_reply="554 5.6.0 looks like spam") as server:
        station.configure(server.port)
        station.match("evil.example")
        station.poll()
    [row] = station.mails()
    assert row["state"] == 2 and "554 5.6.0 looks like spam" in row["error"]
    assert "is given up" in station.output


def test_down_and_up_again(station):
    port = free_port()
    station.configure(port, SOC, BOSS)
    station.match("evil.example")
    station.poll()
    assert station.output.count("mails wait") == 1, f"one server, one message:\n{station.output}"
    assert all(row["state"] == 0 and row["error"] for row in station.mails())
    station.match("later.example")
    with Server(port=port) as server:
        station.make_due()
        station.poll()
    # What waited goes first, and is told apart from what is new.
    assert [mail.recipients[0] for mail in server.received] == [SOC, BOSS, SOC, BOSS]
    assert "later" not in server.received[0].part("plain") and "later[.]example" in server.received[2].part("plain")


def test_killed_between_the_servers_word_and_ours(station):
    with Server(hold=threading.Event()) as server:
        station.configure(server.port)
        station.match("evil.example")
        poll = program.start("poll", "--config", station.config)
        server.wait_for(1)
        poll.kill()
        poll.communicate()
        server.hold.set()
        server.hold = None
        station.poll()
    first, again = server.received
    assert first.message_id == again.message_id and first.raw == again.raw
    assert station.mails()[0]["state"] == 1


def test_a_slow_server_is_not_waited_for_when_asked_to_stop(station):
    with Server(hold=threading.Event()) as server:
        station.configure(server.port, timeout="60s")
        station.match("evil.example")
        poll = program.start("poll", "--config", station.config)
        server.wait_for(1)
        start = time.monotonic()
        poll.send_signal(signal.SIGTERM)
        poll.communicate(timeout=30)
        assert time.monotonic() - start < 10, "stopping takes 10 s at most"
    assert station.mails()[0]["state"] == 0


def test_a_server_that_never_answers(station):
    with Server(hold=threading.Event()) as server:
        station.configure(server.port, timeout="1s")
        station.match("evil.example")
        station.poll()
        server.wait_for(1)
    assert station.mails()[0]["state"] == 0 and "no answer within 1s" in station.mails()[0]["error"]


def test_mute(station):
    with Server() as server:
        station.configure(server.port)
        station.match("evil.example")
        program.run("mute", "add", "--config", station.config, "--indicator", "evil[.]example", "--for", "1h", "--reason", "known")
        station.poll()
        assert not server.received
        station.match("other.example")
        station.match("evil.example")
        station.poll()
        [mail] = server.received
        assert "other[.]example" in mail.part("plain") and "evil" not in mail.part("plain")
        assert "2 matches were muted" in mail.part("plain") and "2 matches were muted" in mail.part("html")
        program.run("mute", "remove", "--config", station.config, "--indicator", "evil.example")
        station.match("evil.example")
        station.poll()
    assert "evil[.]example" in server.received[1].part("plain")
