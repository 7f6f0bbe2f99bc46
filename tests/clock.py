"""A clock that tests set."""

import subprocess
from pathlib import Path

SOURCE = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, id, time);
    const char *days = getenv("CLOCK_DAYS");
    if (result == 0 && id == CLOCK_REALTIME && days) time->tv_sec += 86400 * atol(days);
    return result;
}
"""


class Clock:
    """A library that programs are started with. It sets their clock some days ahead."""

    def __init__(self, folder: Path):
        source, self.library = folder / "clock.c", folder / "clock.so"
        source.write_text(SOURCE)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, source], check=True)

    def ahead(self, days: int) -> dict[str, str]:
        """Returns the environment of a program whose clock is this many days ahead."""
        return {"LD_PRELOAD": str(self.library), "CLOCK_DAYS": str(days)}
