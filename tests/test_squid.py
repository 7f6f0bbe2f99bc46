"""Logs that a real Squid has just written, in both of its formats."""

import pytest

from tests import program
from tests.squid import make_logs
