"""The seed of a run: fresh each time and said at its end, or the one of the environment's THREATSIEVE_SEED, to repeat a run."""

import os
import random

NAME = "THREATSIEVE_SEED"
SEED = int(os.environ.setdefault(NAME, str(random.SystemRandom().randrange(1 << 32))))
"""Of everything that is drawn. In the environment, so that pytest's workers and the programs that they start have the same."""
