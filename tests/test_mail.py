"""Alerts, as a real mail server receives them.

The tests write matches directly into the state, so that they are about mails only.
"""

import os
import random
import signal
import sqlite3
import threading
import time

import pytest

from tests import program
from tests.smtp import PASSWORD, USER, Authority, HostileServer, Server, Wire, free_port

NOW = 1_795_578_300_000_000  # 2026-11-25T03:45:00Z
LEVELS = {"CLEAR": 0, "GREEN": 1, "AMBER": 2, "AMBER+STRICT": 3, "RED": 4}
SOC, BOSS, LEAD = "soc@soc.example", "boss@soc.example", "lead@soc.example"


@pytest.fixture(scope="session")
def authority(tool, tmp_path_factory) -> Authority:
    tool("openssl", "openssl")
    return Authority(tmp_path_factory.mktemp("authority"))


class Station:
    """A controller with matches that nobody has been alerted to."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "threatsieve.toml"
        self.count = 0
        self.output = ""

    def configure(self, port: int, *recipients, tls="none", ca=None, password=None, timeout="10s"):
        """Writes the configuration. Recipients are addresses, or pairs of address and ceiling."""
        pairs = [(each, "RED") if isinstance(each, str) else each for each in recipients or [SOC]]
        people = ", ".join(
            f'{{ address = "{address}", max_tlp = "{tlp}" }}' for address, tlp in pairs
        )
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
        """Runs one round and keeps its output in `output`."""
        result = program.run("poll", "--config", self.config, expect=expect)
        self.output = (result.stdout + result.stderr).decode()
        return result.returncode

    def state(self) -> sqlite3.Connection:
        if not (self.folder / "state" / "state.db").exists():
            assert self.poll() == program.DONE, self.output
        connection = sqlite3.connect(self.folder / "state" / "state.db", isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    def match(
        self,
        entry,
        *sayings,
        observable=None,
        kind="domain-name",
        source="10.1.2.3",
        raw=None,
        historic=0,
        fields=None,
    ):
        """Adds an event that matches an entry.

        Sayings are tuples (feed, indicator, confidence, TLP, name), one for each indicator with
        this entry.
        """
        self.count += 1
        number, observable = self.count, observable or entry
        raw = raw or (
            f"1795578000.123 87 {source} TCP_MISS/200 GET {observable} - HIER_DIRECT/198.51.100.7"
        )
        state = self.state()
        state.execute(
            "INSERT OR IGNORE INTO files (id, source, digest, digest_bytes, path, "
            "device, inode, size, modified, seen) "
            "VALUES (9, 'squid', zeroblob(32), 1, '/var/log/squid/access.log', 1, 1, 1, 1, 1)"
        )
        event = state.execute(
            "INSERT INTO events (file, offset, line, uid, occurred, source, raw) "
            "VALUES (9, ?, ?, ?, ?, ?, ?)",
            (number, number, str(number), NOW + number * 1_000_000, source, raw),
        ).lastrowid
        for feed, indicator, confidence, tlp, name in sayings or [
            ("list", entry, None, None, None)
        ]:
            state.execute(
                "INSERT INTO matches (event, feed, indicator, entry_type, entry, observable, "
                "field, how, confidence, tlp, name, generation, "
                "found, historic) VALUES (?, ?, ?, ?, ?, ?, ?, 'exact', ?, ?, ?, 1, 1, ?)",
                (
                    event,
                    feed,
                    indicator,
                    kind,
                    entry,
                    observable,
                    fields or "url.original",
                    confidence,
                    LEVELS.get(tlp),
                    name,
                    historic,
                ),
            )
        state.close()

    def mails(self) -> list[sqlite3.Row]:
        state = self.state()
        rows = state.execute("SELECT * FROM mails ORDER BY id").fetchall()
        state.close()
        return rows

    def make_due(self):
        """Makes the waiting mails due, as if the pause before the next attempt were over."""
        state = self.state()
        state.execute("UPDATE mails SET next_attempt = 0 WHERE state = 0")
        state.close()


@pytest.fixture
def station(tmp_path) -> Station:
    return Station(tmp_path).configure(free_port())


def test_what_a_mail_is(station, authority):
    with Server("starttls", authority, auth=True) as server:
        station.configure(server.port, tls="starttls", ca=authority.certificate, password=PASSWORD)
        station.match(
            "evil.example",
            ("misp", "indicator--1", 90, "AMBER", "Emotet\r\nBcc: x@y.example"),
            observable="http://www.evil.example/a",
        )
        station.match("evil.example", source="10.1.2.4")
        station.match("http://bad.example/in.zip", kind="url", historic=1)
        station.poll()
    [mail] = server.received
    message = mail.message
    assert (mail.sender, mail.recipients, mail.encrypted) == (
        "threatsieve@soc.example",
        [SOC],
        True,
    )
    assert message["Subject"] == (
        "[threatsieve] TLP:AMBER 2 indicators matched, 3 events, 2 hosts (evil[.]example, "
        "hxxp://bad[.]example/in[.]zip)"
    )
    assert (message["From"], message["To"], message["Bcc"]) == (
        "Threatsieve <threatsieve@soc.example>",
        SOC,
        None,
    )
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] and message["List-Id"] and message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert mail.raw.isascii() and max(map(len, mail.raw.split(b"\r\n"))) <= 998
    for form in ("plain", "html"):
        text = mail.part(form)
        for told in (
            "TLP:AMBER",
            "evil[.]example",
            "misp",
            "indicator--1",
            "Emotet",
            "90",
            "10[.]1[.]2[.]3",
            "10[.]1[.]2[.]4",
            "threatsieve explain",
        ):
            assert told in text, (form, told)
    assert (
        "color-scheme" in mail.part("html")
        and "<img" not in mail.part("html")
        and "<a " not in mail.part("html")
    )
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
            station.match(
                value,
                ("f " + value, "i " + value, 50, None, everywhere),
                kind=kind,
                source=value,
                raw=everywhere * 3,
                fields=value,
            )
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
    """Sends a match of two feeds to several readers.

    Each reader sees only indicators at or below their own ceiling, in texts, numbers and headers.
    """
    with Server() as server:
        station.configure(server.port, (BOSS, "GREEN"), (SOC, "AMBER"), (LEAD, "RED"))
        station.match(
            "evil.example",
            ("open", "indicator--open", 40, "GREEN", "Open name"),
            ("closed", "indicator--closed", 95, "RED", "Closed name"),
        )
        station.match(
            "secret.example", ("closed", "indicator--secret", 95, "RED", None), source="10.9.9.9"
        )
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
    assert (
        "Open name" in whole
        and "Closed name" in whole
        and "secret[.]example" in whole
        and whole.startswith("TLP:RED")
    )


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
    assert "later[.]example" in second.part("plain") and "evil[.]example" not in second.part(
        "plain"
    )
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
        station.configure(
            server.port,
            SOC,
            BOSS,
            tls="starttls",
            ca=authority.certificate,
            password="wrong password",
        )
        station.match("evil.example")
        station.poll()
        assert not server.received
        assert all(row["state"] == 0 and "535" in row["error"] for row in station.mails())
        assert "wrong password" not in station.output + "".join(
            row["error"] for row in station.mails()
        )
        assert station.output.count("mails wait") == 1, f"reported once:\n{station.output}"
        station.configure(
            server.port, SOC, BOSS, tls="starttls", ca=authority.certificate, password=PASSWORD
        )
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
    digests = [
        mail.recipients for mail in server.received if "problem" not in mail.message["Subject"]
    ]
    assert digests == [[SOC], [LEAD]]
    news = {
        (mail.recipients[0], mail.message["Subject"])
        for mail in server.received
        if "problem" in mail.message["Subject"]
    }
    assert news == {
        (each, f"[threatsieve] problem: mails not delivered: {BOSS}") for each in (SOC, LEAD)
    }
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
    # The mails that waited go first, separate from the new match.
    assert [mail.recipients[0] for mail in server.received] == [SOC, BOSS, SOC, BOSS]
    assert "later" not in server.received[0].part("plain") and "later[.]example" in server.received[
        2
    ].part("plain")


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
        program.run(
            "mute",
            "add",
            "--config",
            station.config,
            "--indicator",
            "evil[.]example",
            "--for",
            "1h",
            "--reason",
            "known",
        )
        station.poll()
        assert not server.received
        station.match("other.example")
        station.match("evil.example")
        station.poll()
        [mail] = server.received
        assert "other[.]example" in mail.part("plain") and "evil" not in mail.part("plain")
        assert "2 matches were muted" in mail.part("plain") and "2 matches were muted" in mail.part(
            "html"
        )
        program.run("mute", "remove", "--config", station.config, "--indicator", "evil.example")
        station.match("evil.example")
        station.poll()
    assert "evil[.]example" in server.received[1].part("plain")


def take_mails(wire: Wire, reply: str):
    """Continues a session after EHLO and sends this reply to each mail."""
    while True:
        wire.expect("MAIL FROM:")
        wire.send("250 ok")
        wire.expect("RCPT TO:")
        wire.send("250 ok")
        wire.expect("DATA")
        wire.send("354 go")
        wire.read_mail()
        wire.send(reply)
        wire.expect("RSET")
        wire.send("250 ok")
        wire.expect("NOOP")
        wire.send("250 ok")


@pytest.mark.parametrize("pause", [0, 0.3], ids=["in one packet", "in packets of their own"])
def test_plain_text_behind_starttls_is_no_answer(station, authority, pause):
    """Injects a reply after the one to STARTTLS, as an attacker on the plain connection could.

    Each later reply would then answer the previous command, and a mail that the server rejects
    would count as sent.
    """

    def talk(wire: Wire):
        wire.send("220 mail.example")
        wire.expect("EHLO")
        wire.send("250-mail.example", "250 STARTTLS")
        wire.expect("STARTTLS")
        injected = ["250-mail.example", "250 8BITMIME"]
        if pause:
            wire.send("220 go")
            time.sleep(pause)
            wire.send(*injected)
        else:
            wire.send("220 go", *injected)
        wire.encrypt(authority)
        wire.expect("EHLO")
        wire.send("250 mail.example")
        take_mails(wire, "554 5.7.1 rejected")

    with HostileServer(talk) as server:
        station.configure(server.port, SOC, tls="starttls", ca=authority.certificate)
        station.match("evil.example")
        assert station.poll() == program.REMOTE
    [row] = station.mails()
    assert row["state"] == 0 and row["error"], dict(row)
    assert pause or "got more bytes behind 220 go" in row["error"], row["error"]


def test_a_reply_too_many_is_no_answer_to_the_next_command(station):
    def talk(wire: Wire):
        wire.send("220 mail.example")
        wire.expect("EHLO")
        wire.send("250 mail.example")
        wire.expect("MAIL FROM:")
        wire.send("250 ok")
        wire.expect("RCPT TO:")
        wire.send("250 ok", "354 go")
        wire.expect("DATA")
        wire.send("250 taken")

    with HostileServer(talk) as server:
        station.configure(server.port)
        station.match("evil.example")
        station.poll()
    [row] = station.mails()
    assert row["state"] == 0 and "got more bytes behind 250 ok" in row["error"], row["error"]


def test_a_reply_of_another_kind_is_no_yes(station):
    """Replies 354 instead of 250, which does not mean that the mail was accepted."""

    def talk(wire: Wire):
        wire.send("220 mail.example")
        wire.expect("EHLO")
        wire.send("250 mail.example")
        take_mails(wire, "354 go")

    with HostileServer(talk) as server:
        station.configure(server.port)
        station.match("evil.example")
        station.poll()
    [row] = station.mails()
    assert row["state"] == 0 and "expected the reply 250, got 354" in row["error"], row["error"]


def endless(where: str, authority: Authority):
    def talk(wire: Wire):
        if where == "encrypted":
            wire.encrypt(authority)
        if where in ("banner", "encrypted"):
            wire.flood(b"220 " + b"x" * 65532)
        if where == "lines":
            wire.flood(b"220-hello\r\n" * 6000)
        wire.send("220 mail.example")
        wire.expect("EHLO")
        wire.connection.sendall(b"250-")
        wire.flood(b"x" * 65536)

    return talk


@pytest.mark.parametrize("where", ["banner", "lines", "reply", "encrypted"])
def test_a_server_that_talks_without_end(station, authority, where):
    with HostileServer(endless(where, authority)) as server:
        tls = {"tls": "implicit", "ca": authority.certificate} if where == "encrypted" else {}
        station.configure(server.port, **tls)
        station.match("evil.example")
        poll = program.start("poll", "--config", station.config)
        peak = program.Peak(poll)
        poll.communicate(timeout=60)
        assert peak.stop() < 150_000_000
    [row] = station.mails()
    assert row["state"] == 0 and ("4096 bytes" in row["error"] or "256 lines" in row["error"]), row[
        "error"
    ]


@pytest.mark.parametrize(
    "breaking",
    [
        {"recipient_replies": {BOSS: "421 4.7.0 closing"}},
        {"broken_recipients": {BOSS}},
        {"broken_mails": {BOSS}},
    ],
    ids=["421 at RCPT", "hangs up at RCPT", "hangs up at the mail"],
)
def test_a_recipient_who_breaks_connections_holds_up_nobody(station, breaking):
    with Server(**breaking) as server:
        station.configure(server.port, BOSS, SOC, LEAD)
        station.match("evil.example")
        assert station.poll() == program.REMOTE
        assert [mail.recipients for mail in server.received] == [[SOC], [LEAD]]
        station.match("later.example")
        station.make_due()
        station.poll()
        assert [mail.recipients for mail in server.received[2:]] == [[SOC], [LEAD]]
        waiting = [row for row in station.mails() if row["state"] == 0]
        assert [row["recipient"] for row in waiting] == [BOSS, BOSS]
        server.recipient_replies, server.broken_recipients, server.broken_mails = {}, set(), set()
        station.make_due()
        assert station.poll() == program.DONE
    assert [mail.recipients for mail in server.received[4:]] == [[BOSS], [BOSS]]
    assert len({mail.message_id for mail in server.received}) == 6


def test_killed_at_random_moments(station):
    """Kills the program at random moments while it composes and sends mails.

    Everyone is alerted to everything, and a repeated mail is identical.
    """
    seed = int(os.environ.get("THREATSIEVE_SEED", random.randrange(2**32)))
    kills = 200 if os.environ.get("THREATSIEVE_ENDURANCE") == "full" else 20
    print(f"THREATSIEVE_SEED={seed}")
    chance = random.Random(seed)
    recipients = [SOC, BOSS, LEAD]
    with Server() as server:
        station.configure(server.port, *recipients)
        station.match("first.example")
        started = time.monotonic()
        station.poll()
        longest = time.monotonic() - started
        for number in range(kills):
            station.match(f"evil{number}.example")
            poll = program.start("poll", "--config", station.config)
            if number % 2:
                time.sleep(chance.uniform(0, longest))
                poll.kill()
            else:
                left = iter(range(chance.randrange(10)))
                server.watch = lambda poll=poll, left=left: next(left, None) is None and poll.kill()
            poll.communicate(timeout=60)
            server.watch = lambda: None
        station.make_due()
        assert station.poll() == program.DONE, station.output
    assert all(row["state"] == 1 for row in station.mails())
    mails = {}
    for mail in server.received:
        known = mails.setdefault(mail.message_id, mail)
        assert known.raw == mail.raw, "a repeat that is another mail"
    for recipient in recipients:
        told = [mail.part("plain") for mail in mails.values() if mail.recipients == [recipient]]
        for value in ["first", *(f"evil{number}" for number in range(kills))]:
            count = sum(f"{value}[.]example" in text for text in told)
            assert count == 1, f"{recipient} was alerted to {value} {count} times"
