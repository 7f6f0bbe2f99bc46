"""The conversion of STIX to a MISP event with misp-stix, as a program of its own.

It runs in the environment of tests/environments/misp.txt, because misp-stix needs packages that the
tests do not. Each line of the input names a version and a file, each line of the output is
`{"event": ...}` or `{"error": ...}`, with the messages that MISP's own scripts print.
"""

import contextlib
import io
import json
import sys

import misp_stix_converter
from misp_stix_converter import (
    ExternalSTIX1toMISPParser,
    ExternalSTIX2toMISPParser,
    MissingSTIXContentError,
)
from stix.core import STIXPackage
from stix2.parsing import parse


def convert(version: int, path: str) -> dict:
    """Returns the event of a file."""
    return _stix1(path) if version == 1 else _stix2(path)


def _stix1(path: str) -> dict:
    try:
        package = STIXPackage.from_xml(path)
    except Exception as error:
        return {"error": f"Error while loading the STIX file: {error}"}
    parser = ExternalSTIX1toMISPParser()
    parser.load_stix_package(package)
    try:
        parser.parse_stix_package(single_event=True)
    except MissingSTIXContentError:
        # MISP 2.5.1 stores an empty event instead.
        return {"event": {"info": "Imported from external STIX event"}}
    return {"event": json.loads(parser.misp_event.to_json())}


def _stix2(path: str) -> dict:
    with open(path, encoding="utf-8") as file:
        bundle = parse(file.read(), allow_custom=True, interoperability=True)
    # A bundle without objects makes MISP's script fail in the same way.
    bundle["objects"]
    parser = ExternalSTIX2toMISPParser()
    parser.load_stix_bundle(bundle)
    parser.parse_stix_bundle(single_event=True)
    return {"event": json.loads(parser.misp_event.to_json())}


def main() -> None:
    """Answers requests until the input ends."""
    print(json.dumps({"version": getattr(misp_stix_converter, "__version__", "")}), flush=True)
    for line in sys.stdin:
        sent = json.loads(line)
        try:
            # misp-stix prints its warnings.
            with contextlib.redirect_stdout(io.StringIO()):
                found = convert(sent["version"], sent["path"])
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found, default=str), flush=True)


if __name__ == "__main__":
    main()
