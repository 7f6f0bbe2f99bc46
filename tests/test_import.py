"""The settings and the tracking file of flare-misp-service, taken over by `config import`.

The properties files are those that the service ships, with values of a team filled in. Values are
encrypted by cryptography, the tracking file is written by fastavro, and Java itself is the oracle
for properties files.
"""

import base64
import datetime
import json
import random
import shutil
import sqlite3
import subprocess
import tomllib
from pathlib import Path

import fastavro
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import pkcs12

from tests import program, seeds
from tests.program import DAMAGED, USAGE

SHIPPED = program.ROOT / "tests/data/flare-misp-service"
SCHEMA = json.loads((SHIPPED / "tracker.avsc").read_text())
API_KEY = "Zk3sA0aNq2Yw8rT5uXc7vB1nM4pL6dHj9gFe0iQo"
PASSWORD, SALT = "a p\u00e4ssword = with : signs", " and \\ salt "
STORE_PASSWORD = "changed it"
SECRETS = (API_KEY, PASSWORD, SALT.strip(), STORE_PASSWORD)


def encrypted(text: str, password: str = PASSWORD, salt: str = SALT) -> str:
    """Encrypts a text as the service's `EncryptionUtil` does."""
    derive = PBKDF2HMAC(hashes.SHA256(), length=32, salt=salt.encode(), iterations=65536)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES(derive.derive(password.encode())), modes.CBC(bytes(16)))
    encryptor = cipher.encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def escaped(text: str) -> str:
    """Writes a value for a properties file."""
    signs = "".join(f"\\{c}" if c in "\\=: #!" else c for c in text)
    return "".join(c if ord(c) < 128 else f"\\u{ord(c):04x}" for c in signs)


def certificate() -> tuple:
    """Makes a private key and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    built = built.public_key(key.public_key()).serial_number(x509.random_serial_number())
    built = built.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=7))
    return key, built.sign(key, hashes.SHA256())


class Service:
    """The folder of a service."""

    def __init__(self, folder: Path, is_flat: bool = False):
        self.folder = folder
        self.config = folder if is_flat else folder / "config"
        self.avro = folder if is_flat else folder / "avro"
        for made in (self.config, self.avro, folder / "logs", folder / "out"):
            made.mkdir(parents=True, exist_ok=True)
        for name in ("config.properties", "application.properties"):
            shutil.copy(SHIPPED / name, self.config / name)

    def set(self, name: str = "config", **properties: str | None) -> None:
        """Changes properties, or removes them. `__` in a name is a dot, and `_` a hyphen."""
        path = self.config / f"{name}.properties"
        lines = path.read_text("latin-1").splitlines()
        for key, value in properties.items():
            key = key.replace("__", ".").replace("_", "-")
            lines = [line for line in lines if line.split("=")[0] != key]
            if value is not None:
                lines.append(f"{key}={value}")
        path.write_text("\n".join(lines) + "\n", "latin-1")

    def fill_in(self) -> None:
        """Fills in a team's values, with both ways of a client certificate."""
        key, made = certificate()
        encryption = serialization.BestAvailableEncryption(STORE_PASSWORD.encode())
        for name in ("client", "localhost.localdomain"):
            store = pkcs12.serialize_key_and_certificates(b"c", key, made, None, encryption)
            (self.config / f"{name}.p12").write_bytes(store)
        pem = serialization.Encoding.PEM
        (self.config / "client.crt").write_bytes(made.public_bytes(pem))
        (self.config / "client.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.set(
            misptransclient__post__baseurl="https://misp.example.org:8443/events/",
            stixtransclient__misp__url="https://misp.example.org:8443/health",
            misp__authorization__key=None,
            stixtransclient__misp__key=encrypted(API_KEY),
            encKey=None,
            salt=None,
        )
        with (self.config / "config.properties").open("a") as config:
            config.write(f"encKey={escaped(PASSWORD)}\nsalt={escaped(SALT)}\n")
        self.set(
            "application",
            **{
                "server__ssl__key_password": STORE_PASSWORD,
                "server__ssl__key_store_password": STORE_PASSWORD,
                "client__ssl__key_store": "file:config/client.p12",
                "2way__ssl__auth": "true",
            },
        )

    def track(self, packages: list[dict], codec: str = "null", schema=SCHEMA, **options) -> Path:
        """Writes the tracking file."""
        path = self.avro / "trackers.avro"
        with path.open("wb") as file:
            fastavro.writer(file, schema, packages, codec=codec, **options)
        return path


class Imported:
    """The result of an import into a folder of its own."""

    def __init__(self, service: Service, folder: Path, *arguments, expect: int = program.DONE):
        folder.mkdir(exist_ok=True)
        self.folder, self.path = folder, folder / "threatsieve.toml"
        result = program.run(
            "config", "import", service.folder, "--output", self.path, *arguments, expect=expect
        )
        self.said = result.stderr.decode()
        assert result.stdout == b""
        if not self.path.exists():
            return
        self.text = self.path.read_text()
        self.toml = tomllib.loads(self.text)
        for secret in SECRETS:
            assert secret not in self.text and secret not in self.said
        program.run("config", "check", "--offline", "--config", self.path)

    def secret(self, place: dict) -> str:
        """Returns a secret. Only its owner can read it."""
        path = self.folder / place["file"]
        assert path.stat().st_mode & 0o777 == 0o600
        return path.read_text()

    def tracked(self) -> dict[str, int | None]:
        """Returns the tracked packages in the state."""
        with sqlite3.connect(self.folder / "state/state.db") as state:
            return dict(state.execute("SELECT package, event FROM misp_imported"))


def keys(service: Service) -> set[str]:
    """Returns all properties of a service. These files have no escapes in keys."""
    lines = [
        line
        for name in ("config.properties", "application.properties")
        for line in (service.config / name).read_text("latin-1").splitlines()
    ]
    return {line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")}


def named(said: str) -> set[str]:
    """Returns the properties without an equivalent."""
    start = "threatsieve: no equivalent: "
    return {line.removeprefix(start).split(" ")[0] for line in said.splitlines() if start in line}


def used(said: str) -> int:
    """Returns the number of properties that were used."""
    (line,) = [line for line in said.splitlines() if line.endswith(" properties are used")]
    return int(line.split()[1])


@pytest.fixture
def service(tmp_path):
    """A service with a team's values."""
    service = Service(tmp_path / "mtc")
    service.fill_in()
    service.track([])
    return service


def test_a_service_is_taken_over(service, tmp_path):
    ids = [f"example:Package-{number}" for number in range(2500)]
    service.track(
        [{"stix_id": id_, "event_id": str(number + 1)} for number, id_ in enumerate(ids)]
        + [{"stix_id": "e:failed", "event_id": None}, {"stix_id": "e:null", "event_id": "null"}]
        # Tried again, with success.
        + [{"stix_id": "e:twice", "event_id": None}, {"stix_id": "e:twice", "event_id": "7"}]
    )
    result = Imported(service, tmp_path / "new")
    toml = result.toml
    assert toml["schedule"] == {"every": "5m"}
    (feed,) = toml["feeds"]
    url = "https://taxii.dhs.gov:8443/flare/taxii11/poll/"
    assert (feed["type"], feed["name"], feed["collection"]) == ("taxii1", "AIS", "AIS")
    assert (feed["url"], feed["poll_url"]) == (url, url)
    assert feed["since"] == datetime.datetime(2022, 7, 12, tzinfo=datetime.UTC)
    assert feed["client_keystore"] == str(service.config / "client.p12")
    assert result.secret(feed["client_keystore_password"]) == STORE_PASSWORD
    assert feed["misp"] == [{"server": "misp", "way": "stix", "publish": True}]
    assert "packages_to" not in feed and '#packages_to = "/opt/mtc/out"' in result.text
    (misp,) = toml["misp"]
    assert (misp["name"], misp["url"]) == ("misp", "https://misp.example.org:8443/")
    assert result.secret(misp["key"]) == API_KEY
    server = toml["server"]
    assert server["listen"] == "0.0.0.0:8443"
    assert server["keystore"] == str(service.config / "localhost.localdomain.p12")
    assert result.secret(server["keystore_password"]) == STORE_PASSWORD
    assert len(result.secret(server["token"])) == 64
    assert toml["logging"]["level"] == "info"
    assert toml["logging"]["file"] == str(service.folder / "logs/flare-misp-service.log")
    assert toml["logging"]["max_file_size"] == "1MiB"
    assert toml["http"] == {"connect_timeout": "10s", "idle_timeout": "10s"}
    assert f"Authorization: Bearer $(cat {server['token']['file']})" in result.said
    assert "missing:" not in result.said
    # Each property is used, or named with a reason.
    assert len(named(result.said)) + used(result.said) == len(keys(service))
    assert named(result.said) >= {"mtc.baseurl", "server.ssl.hostname.verify"}
    numbers = {id_: number + 1 for number, id_ in enumerate(ids)}
    expected = {**numbers, "e:failed": None, "e:null": None, "e:twice": 7}
    assert result.tracked() == expected
    assert "2,503 tracked packages count as sent (2,503 are new in the state)" in result.said
    assert "2 packages have no event" in result.said


def test_the_files_that_the_service_ships_are_imported_as_far_as_they_go(tmp_path):
    service = Service(tmp_path / "mtc")
    result = Imported(service, tmp_path / "new", expect=DAMAGED)
    assert "misptransclient.post.baseurl: expected an http or https URL" in result.said
    assert "stixtransclient.misp.key: cannot be decrypted: `encKey` or `salt`" in result.said
    assert "trackers.avro" in result.said or "mtc.tracking.datafile: there is no" in result.said
    assert "server.ssl.key-store: there is no file" in result.said
    assert "it is the example that the service ships" not in result.text
    assert len(named(result.said)) + used(result.said) == len(keys(service))
    (feed,) = result.toml["feeds"]
    assert "misp" not in feed and "misp" not in result.toml
    assert result.toml["server"]["listen"] == "127.0.0.1:8443"


def test_a_flat_folder_and_pem_files(tmp_path):
    service = Service(tmp_path / "flat", is_flat=True)
    service.fill_in()
    service.set("application", **{"2way__ssl__auth": "false"})
    service.track([{"stix_id": "e:p", "event_id": "1"}])
    result = Imported(service, tmp_path / "new")
    (feed,) = result.toml["feeds"]
    assert feed["client_certificate"] == str(service.folder / "client.crt")
    assert feed["client_key"] == str(service.folder / "client.key")
    assert result.tracked() == {"e:p": 1}
    assert "client.ssl.key-store (application.properties): `2way.ssl.auth` is not" in result.said


def test_packages_that_went_to_files_go_there(service, tmp_path):
    service.set(
        mtc__processtype="xmlOutput",
        mtc__destination__directory=f"{service.folder}/out/",
        mtc__quartz__frequency=None,
        mtc__start__time=None,
        stixtransclient__misp__published="FALSE",
    )
    (feed,) = Imported(service, tmp_path / "new").toml["feeds"]
    assert feed["packages_to"] == str(service.folder / "out")
    assert "misp" not in feed and "since" not in feed
    assert tomllib.loads((tmp_path / "new/threatsieve.toml").read_text())["schedule"] == {
        "every": "2m"
    }, "the service's default"


@pytest.mark.parametrize("wrong", ["encKey", "salt"])
def test_a_wrong_password_or_salt_is_named_and_the_rest_is_imported(service, tmp_path, wrong):
    service.set(**{wrong: "another"})
    result = Imported(service, tmp_path / "new", expect=DAMAGED)
    missing = "missing: stixtransclient.misp.key: cannot be decrypted: `encKey` or `salt` is not"
    assert missing in result.said
    (feed,) = result.toml["feeds"]
    assert feed["collection"] == "AIS" and feed["client_keystore"]
    assert "misp" not in result.toml and '#key = { file = "misp.key" }' in result.text
    assert not (tmp_path / "new/misp.key").exists()


def test_of_two_keys_the_one_that_the_service_sends_counts(service, tmp_path):
    sent = "N0tTheSameKey00000000000000000000000000x"
    service.set(misp__authorization__key=sent)
    result = Imported(service, tmp_path / "new")
    assert result.secret(result.toml["misp"][0]["key"]) == sent
    assert result.secret({"file": "misp-decrypted.key"}) == API_KEY
    assert "compare two keys" in result.said and sent not in result.said + result.text
    # Nobody has the example key.
    service.set(misp__authorization__key="6sWXu0zJ7iUh1MPw9LKECUiczUSSAUKiycIsioPr")
    result = Imported(service, tmp_path / "other")
    assert result.secret(result.toml["misp"][0]["key"]) == API_KEY


def test_nothing_is_overwritten_unless_asked(service, tmp_path):
    first = Imported(service, tmp_path / "new")
    token = (first.folder / "server.token").read_text()
    first.path.write_text(first.text + "# ours\n")
    other = "An0therKey000000000000000000000000000000"
    service.set(misp__authorization__key=other, stixtransclient__misp__key=None)
    before = {path.name: path.read_bytes() for path in first.folder.iterdir() if path.is_file()}
    result = Imported(service, first.folder, expect=USAGE)
    assert "expected a new file, got one with another content" in result.said
    after = {path.name: path.read_bytes() for path in first.folder.iterdir() if path.is_file()}
    assert after == before
    (first.folder / "misp.key").chmod(0o644)
    result = Imported(service, first.folder, "--force")
    assert result.secret({"file": "misp.key"}) == other
    assert (first.folder / "server.token").read_text() == token, "scripts have it already"
    # The same import again changes nothing.
    assert Imported(service, first.folder).text == result.text


def test_without_a_file_the_configuration_is_printed_and_nothing_else_written(service, tmp_path):
    service.track([{"stix_id": "e:p", "event_id": "1"}])
    before = sorted(tmp_path.rglob("*"))
    result = subprocess.run(
        [program.BINARY, "config", "import", service.folder],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert sorted(tmp_path.rglob("*")) == before
    toml = tomllib.loads(result.stdout.decode())
    assert toml["misp"][0]["key"] == {"file": "misp.key"}
    said = result.stderr.decode()
    assert "no secret was written" in said and "not stored" in said
    # Secrets and state go where they are asked to.
    folder = tmp_path / "asked"
    folder.mkdir()
    printed = program.run(
        "config", "import", service.folder, "--secrets", folder, "--state", folder / "state"
    ).stdout
    assert tomllib.loads(printed.decode())["misp"][0]["key"] == {"file": str(folder / "misp.key")}
    assert (folder / "misp.key").read_text() == API_KEY


def test_a_folder_without_the_service_is_refused(tmp_path):
    for folder, text in [(tmp_path, "expected config.properties"), (tmp_path / "no", "a folder")]:
        result = program.run("config", "import", folder, expect=USAGE)
        assert text in result.stderr.decode()
    (tmp_path / "config.properties").write_text("a=1\nb=\\u12x4\n")
    said = program.run("config", "import", tmp_path, expect=USAGE).stderr.decode()
    assert "line 2: expected four hexadecimal digits" in said


def test_odd_values_are_named_and_never_shown_if_secret(service, tmp_path):
    service.set(
        mtc__quartz__frequency="soon",
        mtc__start__time="yesterday",
        mtc__processtype="both",
        stixtransclient__poll__baseurl="https://user:hunter2@taxii.example/poll",
        misp__authorization__key="no\\u00e9 ascii",
        unknown__key="x",
    )
    service.set(
        "application", server__port="99999", ctimeout="long", logging__level__root="LOUD",
        server__ssl__key_store_password="${STORE_PASSWORD}",
    )  # fmt: skip
    result = Imported(service, tmp_path / "new", expect=DAMAGED)
    for key in (
        "mtc.quartz.frequency", "mtc.start.time", "mtc.processtype", "misp.authorization.key",
        "stixtransclient.poll.baseurl", "server.port", "ctimeout", "logging.level.root",
        "server.ssl.key-store-password",
    ):  # fmt: skip
        assert f"missing: {key}: " in result.said, key
    assert "hunter2" not in result.said + result.text
    assert "unknown.key (config.properties): neither" in result.said
    assert result.toml["feeds"][0]["url"] == "https://taxii.example/poll"


def test_an_earlier_version_named_server_and_poll_service(service, tmp_path):
    server = "https://taxii.example:8443"
    poll = f"{server}/flare/taxii11/poll/"
    service.set(stixtransclient__poll__baseurl=server, stixtransclient__poll__url=poll)
    result = Imported(service, tmp_path / "new")
    (feed,) = result.toml["feeds"]
    assert (feed["url"], feed["poll_url"]) == (f"{server}/", poll)
    # The last version has the poll service in the first one.
    service.set(stixtransclient__poll__baseurl=poll, stixtransclient__poll__url=f"{server}/old")
    result = Imported(service, tmp_path / "last")
    (feed,) = result.toml["feeds"]
    assert (feed["url"], feed["poll_url"]) == (poll, poll)
    assert "stixtransclient.poll.url" in named(result.said)


def test_http_to_misp_is_allowed_and_said(service, tmp_path):
    service.set(misptransclient__post__baseurl="http://misp.example.org/misp/events")
    result = Imported(service, tmp_path / "new")
    assert result.toml["misp"][0]["url"] == "http://misp.example.org/misp/"
    assert result.toml["http"]["allow_plain_http"] is True
    assert "can be read on the way" in result.said


# The tracking file.


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_tracking_files_of_every_codec_and_schema(service, tmp_path, codec):
    rng = random.Random(f"{seeds.SEED} avro {codec}")
    event = rng.choice([["null", "string"], ["string", "null"], ["null", "int", "string", "long"]])
    spare = [
        {"name": "status_code", "type": "int"},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "double"]}},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "H", "size": 4}},
        {"name": "raw", "type": "bytes"},
        {"name": "flag", "type": "boolean"},
        {"name": "share", "type": "float"},
        {"name": "other_hash", "type": "H"},
    ]
    fields = [*spare[:6], {"name": "event_id", "type": event}, *spare[6:]]
    fields.insert(rng.randrange(6), {"name": "stix_id", "type": "string"})
    schema = {"type": "record", "name": "Tracker", "namespace": "a.b", "fields": fields}
    kinds = [kind for kind in event if kind != "null"]
    expected, records = {}, []
    for number in range(3000):
        known = rng.choice([None, rng.randrange(1, 2**31 - 1)])
        value = known if known is None or "int" in kinds else str(known)
        expected[f"e:\u00e9-{number}"] = known
        records.append({
            "stix_id": f"e:\u00e9-{number}", "event_id": value, "status_code": -number,
            "when": number * 10**9, "tags": ["x"] * rng.randrange(3),
            "more": {"a": None, "b": 1.5}, "kind": "B", "hash": b"1234", "raw": b"\0" * 5,
            "flag": True, "share": 0.5, "other_hash": b"5678",
        })  # fmt: skip
    service.track(records, codec, schema, sync_interval=rng.choice([1, 1000, 1_000_000]))
    assert Imported(service, tmp_path / "new").tracked() == expected


def test_a_damaged_tracking_file_counts_up_to_the_damage(service, tmp_path):
    records = [{"stix_id": f"e:{number}", "event_id": "1"} for number in range(1000)]
    path = service.track(records, sync_interval=100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    result = Imported(service, tmp_path / "new", expect=DAMAGED)
    count = len(result.tracked())
    assert 0 < count < 1000 and set(result.tracked()) == {f"e:{n}" for n in range(count)}
    assert "is damaged" in result.said and f"the {count} packages before that" in result.said
    for content, text in [(b"", "another file"), (b"Obj\x01", "header"), (b"PK\3\4", "another")]:
        path.write_bytes(content)
        folder = tmp_path / f"new-{len(content)}-{content[:1].hex()}"
        result = Imported(service, folder, expect=DAMAGED)
        assert "trackers.avro: " in result.said and text in result.said
    service.track(records, "bzip2")
    assert 'got "bzip2"' in Imported(service, tmp_path / "codec", expect=DAMAGED).said


# Properties files.

JAVA = """
import java.io.*; import java.nio.charset.StandardCharsets; import java.nio.file.*; import java.util.*;
class Read {
    public static void main(String[] files) throws IOException {
        for (String file : files) {
            Properties all = new Properties();
            try (InputStream in = Files.newInputStream(Path.of(file))) { all.load(in); }
            String value = all.getProperty("stixtransclient.source.collection", "");
            System.out.println(HexFormat.of().formatHex(value.getBytes(StandardCharsets.UTF_8)));
        }
    }
}
"""


def odd_properties(rng: random.Random) -> bytes:
    """Returns a properties file with a collection that is written in an odd way."""
    key = "".join(
        rng.choice([c, c, c, f"\\u{ord(c):04X}", f"\\u{ord(c):04x}"])
        for c in "stixtransclient.source.collection"
    )
    parts = [
        "a", "Z", "9", "=", ":", " ", "\t", "#", "!", "\\t", "\\n", "\\\\", "\\q", "\\=", "\\ ",
        "\\u00e9", "\\uD83D\\uDE00", "\u00e9", "\\\n  ", "\\\r\n\t", "\\\r", "x\\\n# y", "'", '"',
    ]  # fmt: skip
    value = "x" + "".join(rng.choices(parts, k=rng.randrange(12))) + "x"
    separator = rng.choice(["=", ":", " ", "\t", " = ", "  :  ", "\f=", "=\\\n   "])
    end = rng.choice(["\n", "\r\n", "\r"])
    comment = rng.choice(["", "# a\\", "! b", "   ", "  # c"]) + end
    first = rng.choice(["", f"{key}=earlier{end}"])
    return f"{comment}{first}  {key}{separator}{value}{end}{comment}".encode("latin-1")


def test_properties_files_are_read_as_java_reads_them(service, tmp_path, tool):
    rng = random.Random(f"{seeds.SEED} properties")
    program.write(tmp_path / "Read.java", JAVA)
    rest = (service.config / "config.properties").read_text("latin-1").splitlines()
    rest = [line for line in rest if not line.startswith("stixtransclient.source.collection=")]
    files = []
    for number in range(60):
        path = tmp_path / f"{number}.properties"
        path.write_bytes("\n".join([*rest, ""]).encode("latin-1") + odd_properties(rng))
        files.append(path)
    command = [tool("java", "a JDK"), tmp_path / "Read.java", *files]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    for path, line in zip(files, output.split("\n"), strict=False):
        shutil.copy(path, service.config / "config.properties")
        toml = tomllib.loads(program.run("config", "import", service.folder).stdout.decode())
        expected = bytes.fromhex(line).decode()
        assert toml["feeds"][0]["collection"] == expected.strip(), path.read_bytes()[-300:]
