"""Processes packages with other libraries: python-stix parses them, misp-stix makes MISP
attributes. Prints the number of attributes.

Usage: .cache/stix1/bin/python -m tests.bench.stix1_peer FOLDER
"""

import sys
import warnings
from pathlib import Path

from tests.stix1_peers import misp_stix

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(sum(len(misp_stix(path)) for path in sorted(Path(sys.argv[1]).glob("*.xml"))))
