"""Runs the double for trying it by hand: `python -m tests.misp --port N [--certificate PEM]`."""

import argparse
import ssl
import time

from tests.misp.handle import running


def main() -> None:
    """Runs the double until it is interrupted."""
    parser = argparse.ArgumentParser(prog="tests.misp", description="the MISP test double")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0: a free one")
    parser.add_argument("--certificate", help="PEM file with a certificate and its key, for TLS")
    parser.add_argument("--tag", action="append", default=[], help="tag that exists at the start")
    options = parser.parse_args()
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    with running(context, options.port) as misp:
        misp.tag(*options.tag)
        print(f"{misp.url}\nkey of the publisher: {misp.key}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
