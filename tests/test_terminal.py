"""The output on a terminal: colours, and progress after a second. Elsewhere it has neither."""

import os
import pty
import select
import time

from tests import lines, program


def _on_a_terminal(*arguments, stderr_too=True, env=None, feed=None) -> bytes:
    """Returns the program's output on a terminal."""
    master, slave = pty.openpty()
    process = program.start(
        *arguments,
        stdout=slave,
        stderr=slave if stderr_too else None,
        env={**os.environ, "TERM": "xterm-256color", **(env or {})},
    )
    os.close(slave)
    if feed:
        feed(process.stdin)
    process.stdin.close()
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 1)
        if ready:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
        elif process.poll() is not None:
            break
    os.close(master)
    assert process.wait(10) == 0
    return seen


def _files(tmp_path):
    listed = program.write(tmp_path / "l.txt", "evil.com")
    return listed, program.write(tmp_path / "a.log", lines.squid("http://www.evil.com/"))


def test_colours_on_a_terminal(tmp_path):
    listed, log = _files(tmp_path)
    seen = _on_a_terminal("scan", "--list", listed, log)
    assert b"\x1b[" in seen and b"evil.com" in seen


def test_no_colours_when_the_user_says_so(tmp_path):
    listed, log = _files(tmp_path)
    seen = _on_a_terminal("scan", "--list", listed, log, env={"NO_COLOR": "1"})
    assert b"\x1b[3" not in seen and b"evil.com" in seen


def test_json_is_plain_on_a_terminal_too(tmp_path):
    listed, log = _files(tmp_path)
    assert b"\x1b[3" not in _on_a_terminal("scan", "--json", "--list", listed, log)


def test_progress_only_on_a_terminal_and_only_after_a_second(tmp_path):
    listed, _ = _files(tmp_path)
    block = "".join(lines.squid(f"http://h{n}.example/") + "\n" for n in range(5_000)).encode()

    def slowly(pipe):
        for _ in range(25):
            pipe.write(block)
            pipe.flush()
            time.sleep(0.1)

    long = _on_a_terminal("scan", "--count", "--list", listed, "-", feed=slowly)
    quick = _on_a_terminal(
        "scan", "--count", "--list", listed, "-", feed=lambda pipe: pipe.write(block)
    )
    assert len(long) > len(quick) and b"\r" in long.replace(b"\r\n", b"")
    assert b"\r" not in quick.replace(b"\r\n", b"")
    process = program.start("scan", "--count", "--list", listed, "-")
    slowly(process.stdin)
    process.stdin.close()
    assert process.stdout.read() == b"0\n"
    assert b"\r" not in process.stderr.read()
    process.wait(10)
    process.stdout.close()
    process.stderr.close()
