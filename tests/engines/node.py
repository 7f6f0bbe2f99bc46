"""One node: its folder, its process, and requests to it."""

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import times
from tests.engines import assemble, watchdog
from tests.servers import basic, free_port

HEAP = "512m"
START_SECONDS = 300
"""Timeout for a node's start. An idle machine needs 7 to 15 s, a busy one can need minutes."""
USER = "nobody"
"""The user for nodes that root starts, because the server refuses to run as root."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] [%node_name]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""

_SETTINGS = {
    "network.host": "127.0.0.1",
    # The tests must not depend on the free space of the machine that runs them.
    "cluster.routing.allocation.disk.threshold_enabled": False,
}


class Refused(Exception):
    """The node answered with an error. `status` is the HTTP status. `body` is the answer, parsed if
    it is JSON.
    """

    def __init__(self, request: str, status: int, body):
        super().__init__(f"{request}: {status} {json.dumps(body)[:2000]}")
        self.status, self.body = status, body


@dataclass
class Elsewhere:
    """The process of a node that another process started and will end."""

    pid: int
    returncode = None

    def poll(self) -> int | None:
        """Returns None while the process runs."""
        return None if Path(f"/proc/{self.pid}").exists() else -1


class Node:
    """A server in a folder of its own. Call `start` first. The package's documentation has
    examples.
    """

    def __init__(
        self, version: str, plugins: Iterable[Path] = (),
        settings: dict | None = None, name: str = "node",
        config: Iterable[Path] = (), context: ssl.SSLContext | None = None,
        heap: str = HEAP, java_options: Iterable[str] = (),
    ):  # fmt: skip
        """Prepares the folder.

        `plugins` are zips. `config` are files for the configuration folder. With a `context` the
        node speaks TLS, and requests to it use that context.
        """
        self.version, self.name, self.heap, self.java_options = (
            version,
            name,
            heap,
            list(java_options),
        )
        self.port, self.transport_port = free_port(), free_port()
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self.context = context
        self.process: subprocess.Popen | None = None
        self.launched = 0.0
        # pytest's temporary folder is not readable for the user that runs the node.
        self.folder = Path(tempfile.mkdtemp(prefix=f"threatsieve-{name}-"))
        watchdog.watch(self.folder)
        self.data, self.plugins, self.config = (
            self.folder / part for part in ("data", "plugins", "config")
        )
        self.settings = {
            **_SETTINGS, "cluster.name": "threatsieve-tests", "node.name": name,
            "http.port": self.port, "transport.port": self.transport_port, **(settings or {}),
        }  # fmt: skip
        self._lay_out()
        for file in config:
            shutil.copy(file, self.config)
        for plugin in plugins:
            self.install(plugin)

    def __getstate__(self) -> dict:
        """Returns what another process needs to use this node (tests/shared.py). The process object
        is replaced by its id.
        """
        assert self.context is None, (
            "a node that speaks TLS has an SSLContext, which cannot go to another process"
        )
        return {**self.__dict__, "process": self.process and Elsewhere(self.process.pid)}

    def _lay_out(self) -> None:
        prepared = assemble.home(self.version)
        for part in ("lib", "modules", "agent"):
            if (prepared / part).is_dir():
                shutil.copytree(prepared / part, self.folder / part, copy_function=_link)
        for part in ("data", "logs", "config", "plugins", "tmp"):
            (self.folder / part).mkdir()
        (self.config / "log4j2.properties").write_text(_LOGGING)
        self.configure({})

    def configure(self, settings: dict) -> None:
        """Changes settings of opensearch.yml for the next start. The value None removes one."""
        self.settings = {
            key: value for key, value in {**self.settings, **settings}.items() if value is not None
        }
        # Every JSON value is valid YAML.
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in self.settings.items())
        (self.config / "opensearch.yml").write_text("".join(lines))

    def install(self, plugin: Path) -> None:
        """Installs a plugin's zip, and replaces an older one.

        Does the same as the server's installer, which is not on Central: the zip's `config/` goes
        to the node's configuration, the rest to a folder with the plugin's name.
        """
        with zipfile.ZipFile(plugin) as archive:
            descriptor = archive.read("plugin-descriptor.properties").decode()
            name = re.search(r"^name=(.+)$", descriptor, re.MULTILINE)[1].strip()
            shutil.rmtree(self.plugins / name, ignore_errors=True)
            archive.extractall(self.plugins / name)
        if (self.plugins / name / "config").is_dir():
            shutil.copytree(self.plugins / name / "config", self.config / name, dirs_exist_ok=True)
            shutil.rmtree(self.plugins / name / "config")
        subprocess.run(["chmod", "-R", "a+rX", str(self.plugins)], check=True)

    def command(self) -> list[str]:
        """Returns the server's command line, as its own start script builds it. Includes
        OPENSEARCH_JAVA_OPTS from the environment.
        """
        line = assemble.LINES[assemble.line_of(self.version)]
        agent = [
            f"-javaagent:{self.folder}/agent/opensearch-agent-{self.version}.jar",
            "--enable-native-access=ALL-UNNAMED",
        ]
        security_manager = ["-Djava.security.manager=allow"]
        return [
            str(assemble.java(self.version)), f"-Xms{self.heap}",
            f"-Xmx{self.heap}", *(agent if line.agent else security_manager),
            "--add-modules=jdk.incubator.vector", f"-Djava.io.tmpdir={self.folder}/tmp",
            "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8",
            "-Dio.netty.noUnsafe=true", "-Dio.netty.noKeySetOptimization=true",
            "-Dio.netty.allocator.numDirectArenas=0",
            "-XX:+UseG1GC", "-XX:G1ReservePercent=25", "-XX:InitiatingHeapOccupancyPercent=30",
            "-Dlog4j.shutdownHookEnabled=false", "-Dlog4j2.disable.jmx=true",
            "-XX:-OmitStackTraceInFastThrow", "-Xlog:disable",
            f"-Dopensearch.path.home={self.folder}",
            f"-Dopensearch.path.conf={self.config}", "-Dopensearch.distribution.type=tar",
            *os.environ.get("OPENSEARCH_JAVA_OPTS", "").split(), *self.java_options,
            "-cp", f"{self.folder}/lib/*", "org.opensearch.bootstrap.OpenSearch",
        ]  # fmt: skip

    # Start and stop.

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        account = pwd.getpwnam(USER) if os.geteuid() == 0 else None
        options = (
            dict(user=account.pw_uid, group=account.pw_gid, extra_groups=[]) if account else {}
        )
        if account:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            # Skips the jars, which are links into the prepared home.
            for part in (self.data, self.config, self.folder / "logs", self.folder / "tmp"):
                subprocess.run(
                    ["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", str(part)], check=True
                )
        environment = {**os.environ, "HOME": str(self.folder / "tmp")}
        with (self.folder / "log").open("ab") as log:
            # The node gets its own session, so that at Ctrl-C this process ends it in the right
            # order.
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.folder, env=environment,
                start_new_session=True, **options,
            )  # fmt: skip
        (self.folder / "pid").write_text(str(self.process.pid))
        self.launched = time.monotonic()

    def wait(self, nodes: int = 1, seconds: float = START_SECONDS) -> None:
        """Waits until the node answers, sees this many nodes, and has all primary shards."""
        end = time.monotonic() + seconds
        path = f"/_cluster/health?wait_for_status=yellow&wait_for_nodes=%3E%3D{nodes}&timeout=1s"
        last = None
        while time.monotonic() < end:
            self.assert_alive()
            try:
                if not self.get(path)["timed_out"]:
                    times.note(
                        "server", f"OpenSearch {self.version}", time.monotonic() - self.launched
                    )
                    return
            except (Refused, OSError) as error:
                last = error
            time.sleep(0.2)
        raise AssertionError(
            f"{self.name} is not ready after {seconds} s ({last}); its log ends:\n{self.log_tail()}"
        )

    def assert_alive(self) -> None:
        """Fails with the end of the log if the process has ended by itself."""
        assert self.process, f"{self.name} is not started"
        if self.process.poll() is not None:
            raise AssertionError(
                f"{self.name} ended with {self.process.returncode}; its log ends:\n"
                f"{self.log_tail()}"
            )

    def start(self, nodes: int = 1) -> None:
        """Starts the node and waits until it is ready."""
        self.launch()
        self.wait(nodes)

    def stop(self, seconds: float = 30) -> None:
        """Stops the node with SIGTERM."""
        self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """Ends the node at once, as a crash of the machine would."""
        self._end(signal.SIGKILL, 30)

    def freeze(self) -> None:
        """Stops the process temporarily: it keeps its connections but does not answer."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process continue."""
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals, seconds: float) -> None:
        if self.process:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"{self.name} did not stop in {seconds} s; its log ends:\n{self.log_tail()}"
                ) from None
            finally:
                self.process = None
                (self.folder / "pid").unlink(missing_ok=True)

    def restart(self, nodes: int = 1) -> None:
        """Stops the node and starts it with the same data, ports and plugins."""
        self.stop()
        self.start(nodes)

    def remove(self) -> None:
        """Kills the node and removes its folder, when nothing of it is needed any more."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Log and memory.

    def log(self) -> str:
        """Returns the log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        """Returns the end of the log, with long lines cut."""
        return "\n".join(line[:500] for line in self.log().splitlines()[-lines:])

    def wait_log(self, pattern: str, seconds: float = 30, since: int = 0) -> re.Match:
        """Waits for a regular expression in the log, from character `since` on. Returns the first
        match.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.compile(pattern).search(self.log(), since):
                return found
            self.assert_alive()
            time.sleep(0.1)
        raise AssertionError(
            f"no {pattern!r} in the log of {self.name} after {seconds} s; it ends:\n"
            f"{self.log_tail()}"
        )

    def pss(self) -> int:
        """Returns the process's memory in bytes, with each shared page counted by its share (PSS).

        Includes the mapped blacklists but no other files, because the kernel keeps and drops their
        pages as it likes and shares them with other nodes.
        """
        kilobytes = 0
        counts = False
        for line in Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            if mapping := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)", line):
                counts = (
                    not mapping[1].startswith("/")
                    or mapping[1].startswith("/memfd:")
                    or ".blacklist" in mapping[1]
                )
            elif counts and line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
        return kilobytes * 1024

    # Requests.

    def send(
        self, method: str, path: str, body=None,
        content_type: str | None = None, user: tuple[str, str] | None = None,
        context: ssl.SSLContext | None = None, timeout: float = 120,
    ):  # fmt: skip
        """Sends one request and returns the answer, parsed if it is JSON.

        `body` is bytes, which are sent unchanged, or any JSON value. `user` is a pair of name and
        password.
        """
        raw = isinstance(body, bytes)
        # The server refuses unknown content types. This one is a binary type that it accepts.
        headers = {
            "Content-Type": content_type or ("application/cbor" if raw else "application/json"),
            "Accept": "application/json",
        }
        if user:
            headers["Authorization"] = basic(*user)
        data = body if raw or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(
                request, timeout=timeout, context=context or self.context
            ) as answer:
                return _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(f"{method} {path}", error.code, _parsed(error.read())) from None

    def get(self, path: str, body=None, **options):
        return self.send("GET", path, body, **options)

    def put(self, path: str, body=None, **options):
        return self.send("PUT", path, body, **options)

    def post(self, path: str, body=None, **options):
        return self.send("POST", path, body, **options)

    def delete(self, path: str, body=None, **options):
        return self.send("DELETE", path, body, **options)

    def bulk(
        self, index: str, documents: Iterable[dict],
        pipeline: str | None = None, ids: Iterable[str] | None = None,
        refresh: bool = True, check: bool = True, **options,
    ) -> dict:  # fmt: skip
        """Indexes documents in one request. With `check`, a failed item raises an error."""
        names = iter(ids) if ids is not None else None
        lines = []
        for document in documents:
            lines.append(json.dumps({"index": {"_id": next(names)} if names else {}}))
            lines.append(json.dumps(document))
        body = "".join(f"{line}\n" for line in lines).encode()
        query = f"refresh={'true' if refresh else 'false'}" + (
            f"&pipeline={pipeline}" if pipeline else ""
        )
        answer = self.post(
            f"/{index}/_bulk?{query}", body, content_type="application/x-ndjson", **options
        )
        if check and answer["errors"]:
            raise Refused(
                f"POST /{index}/_bulk",
                200,
                [item for item in answer["items"] if "error" in next(iter(item.values()))][:5],
            )
        return answer

    def documents(self, index: str, query: dict | None = None, **options) -> list[dict]:
        """Returns the source of every matching document, up to 10,000, ordered by `_id`."""
        body = {"size": 10_000, "query": query or {"match_all": {}}}
        hits = self.post(f"/{index}/_search", body, **options)["hits"]["hits"]
        return [hit["_source"] for hit in sorted(hits, key=lambda hit: hit["_id"])]

    def count(self, index: str, query: dict | None = None, **options) -> int:
        """Returns the number of matching documents, after a refresh."""
        self.post(f"/{index}/_refresh", **options)
        return self.post(f"/{index}/_count", {"query": query} if query else None, **options)[
            "count"
        ]


@contextlib.contextmanager
def node(version: str, start: bool = True, **options) -> Iterator[Node]:
    """Yields a cluster of one node.

    With `start` false, the caller starts it after changing its folder. The other options are those
    of `Node`.
    """
    settings = {"discovery.type": "single-node", **(options.pop("settings", None) or {})}
    one = Node(version, settings=settings, **options)
    try:
        if start:
            one.start()
        yield one
    finally:
        one.remove()


def _link(source: str, target: str) -> None:
    """Links a file within one file system, otherwise copies it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _parsed(answer: bytes):
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")
