"""The seed of a run. Each run has a new one and prints it at its end. THREATSIEVE_SEED sets it, to
repeat a run.
"""

import os
import random

NAME = "THREATSIEVE_SEED"
SEED = int(os.environ.setdefault(NAME, str(random.SystemRandom().randrange(1 << 32))))
"""The seed of all random choices. It is in the environment, so that pytest's workers and the
programs that they start use the same.
"""
