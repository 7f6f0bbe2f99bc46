"""Draws plots of Vega-Lite with the library of Vega itself, in an environment of its own."""

import json
import subprocess

from tests import program

PYTHON = program.ROOT / ".cache/python/release/bin/python"
SCRIPT = """
import json, sys, vl_convert
print(json.dumps([vl_convert.vegalite_to_svg(spec) for spec in json.load(sys.stdin)]))
"""


def draw(specs: list[dict]) -> list[str]:
    """Returns each plot as SVG. Fails if a specification is wrong."""
    drawn = subprocess.run(
        [PYTHON, "-c", SCRIPT], input=json.dumps(specs), capture_output=True, text=True, check=False
    )
    assert drawn.returncode == 0, drawn.stderr[-2000:]
    return json.loads(drawn.stdout)
