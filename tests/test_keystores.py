"""Client certificates in PKCS#12 files, as different programs and ciphers make them, for a real
TAXII 1 server that demands one.
"""

import os
import subprocess

import pytest

from tests import taxii1
from tests.opentaxii import PASSWORD, USER
from tests.polling import Polling

KEYSTORE_PASSWORD = "the keystore's password"


def polling(folder, server, file, password: str = "KEYSTORE") -> Polling:
    """Returns a configuration with a feed that shows the certificate in this file."""
    feed = taxii1.feed(
        server.discovery,
        collection="other",
        user=USER,
        password={"env": "PASSWORD"},
        client_keystore=file,
        client_keystore_password={"env": password},
    )
    return Polling(
        folder,
        feed,
        http={"ca_files": [server.certificates.authority]},
        environment={"PASSWORD": PASSWORD, "KEYSTORE": KEYSTORE_PASSWORD},
    )


@pytest.fixture(scope="module")
def keystores(opentaxii_server, tmp_path_factory, tool):
    """The client certificate in PKCS#12 files, as different programs and ciphers make them."""
    folder, files = tmp_path_factory.mktemp("keystores"), opentaxii_server.certificates
    openssl, environment = tool("openssl", "openssl"), {**os.environ, "P": KEYSTORE_PASSWORD}

    def run(*command) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout + done.stderr

    def export(name: str, *options) -> None:
        run(
            openssl, "pkcs12", "-export", "-in", files.client, "-inkey", files.client_key,
            "-certfile", files.authority, "-passout", "env:P", "-out", folder / name, *options,
        )  # fmt: skip

    export("openssl.p12")
    export("openssl-rc2.p12", "-legacy")
    export("openssl-3des.p12", "-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES")
    shown = [openssl, "pkcs12", "-legacy", "-info", "-noout", "-passin", "env:P", "-in"]
    assert "RC2" in run(*shown, folder / "openssl-rc2.p12")
    keytool = tool("keytool", "default-jre-headless")
    for name, options in {
        "keytool.p12": [],
        # The ciphers of Java before 8u301, which the superseded service used.
        "keytool-old.p12": ["-J-Dkeystore.pkcs12.legacy"],
    }.items():
        run(
            keytool, *options, "-importkeystore", "-noprompt",
            "-srckeystore", folder / "openssl.p12", "-srcstoretype", "PKCS12",
            "-srcstorepass", KEYSTORE_PASSWORD, "-destkeystore", folder / name,
            "-deststoretype", "PKCS12", "-deststorepass", KEYSTORE_PASSWORD,
        )  # fmt: skip
    assert "RC2" in run(*shown, folder / "keytool-old.p12")
    return folder


FILES = [
    "openssl.p12", "openssl-rc2.p12", "openssl-3des.p12", "keytool.p12", "keytool-old.p12",
]  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_a_client_certificate_may_be_in_pkcs12(tmp_path, opentaxii_server, keystores, file):
    one = polling(tmp_path, opentaxii_server, keystores / file)
    one.poll()
    assert one.feed("taxii1")["error"] is None


def test_a_keystore_with_another_password_is_an_error(tmp_path, opentaxii_server, keystores):
    one = polling(tmp_path, opentaxii_server, keystores / "keytool-old.p12", "PASSWORD")
    error = one.fails("taxii1")
    assert "keytool-old.p12" in error and "the password" in error, error
    assert PASSWORD not in error
