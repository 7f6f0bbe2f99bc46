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
"""How long a node may take to answer: 7 to 15 s on a machine with nothing else to do, minutes on a busy one."""
USER = "nobody"
"""Who runs the nodes that root starts; the server refuses root."""

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
    # A nearly full disk of the machine that runs the tests is not what they are about.
    "cluster.routing.allocation.disk.threshold_enabled": False,
}


class Refused(Exception):
    """The node answered with an error: `status` is HTTP's, `body` the answer, parsed if it is JSON."""

    def __init__(self, request: str, status: int, body):
        super().__init__(f"{request}: {status} {json.dumps(body)[:2000]}")
        self.status, self.body = status, body


@dataclass
class Elsewhere:
    """The process of a node that another process started, and will end."""

    pid: int
    returncode = None

    def poll(self) -> int | None:
        """None while it runs."""
        return None if Path(f"/proc/{self.pid}").exists() else -1


class Node:
    """A server in a folder of its own. `start` it; see the package for what it can do."""

    def __init__(
        self, version: str, plugins: Iterable[Path] = (),
        settings: dict | None = None, name: str = "node",
        config: Iterable[Path] = (), context: ssl.SSLContext | None = None,
        heap: str = HEAP, java_options: Iterable[str] = (),
    ):  # fmt: skip
        """`plugins`: zips. `config`: files for its configuration's folder. `context`: it speaks TLS, and this is how to speak to it."""
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
        # Not pytest's folder for temporary files, which is closed to the user that runs the node.
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
        """What another process needs to use this node (tests/shared.py): all but the process, which is known by its id there."""
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
        """Changes settings of opensearch.yml, for the next start; None removes one."""
        self.settings = {
            key: value for key, value in {**self.settings, **settings}.items() if value is not None
        }
        # JSON is YAML.
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in self.settings.items())
        (self.config / "opensearch.yml").write_text("".join(lines))

    def install(self, plugin: Path) -> None:
        """Installs a plugin's zip as the server's installer does, which is not on Central: its `config/` goes to the node's, the rest to a
        folder of the plugin's name. An older one is replaced."""
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
        """The server's command line, as its own start script builds it, OPENSEARCH_JAVA_OPTS of the environment included."""
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

    # Its life.

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        account = pwd.getpwnam(USER) if os.geteuid() == 0 else None
        options = (
            dict(user=account.pw_uid, group=account.pw_gid, extra_groups=[]) if account else {}
        )
        if account:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            # Not the jars: they are links to those of the prepared home.
            for part in (self.data, self.config, self.folder / "logs", self.folder / "tmp"):
                subprocess.run(
                    ["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", str(part)], check=True
                )
        environment = {**os.environ, "HOME": str(self.folder / "tmp")}
        with (self.folder / "log").open("ab") as log:
            # In a session of its own, so that Ctrl-C ends it through us and in order.
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.folder, env=environment,
                start_new_session=True, **options,
            )  # fmt: skip
        (self.folder / "pid").write_text(str(self.process.pid))
        self.launched = time.monotonic()

    def wait(self, nodes: int = 1, seconds: float = START_SECONDS) -> None:
        """Waits until it answers, sees this many nodes, and every primary shard is there."""
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
                f"{self.name} ended with {self.process.returncode}; its log ends:\n{self.log_tail()}"
            )

    def start(self, nodes: int = 1) -> None:
        """Starts it and waits until it is ready."""
        self.launch()
        self.wait(nodes)

    def stop(self, seconds: float = 30) -> None:
        """Stops it in order."""
        self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """Ends it at once, as a crash of the machine would."""
        self._end(signal.SIGKILL, 30)

    def freeze(self) -> None:
        """Lets it stand still: it is there, and does not answer."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
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
        """Stops it and starts it with the same data, ports and plugins."""
        self.stop()
        self.start(nodes)

    def remove(self) -> None:
        """Ends it at once, as nothing of it is needed any more, and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What it says and takes.

    def log(self) -> str:
        """Its log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log, long lines cut."""
        return "\n".join(line[:500] for line in self.log().splitlines()[-lines:])

    def wait_log(self, pattern: str, seconds: float = 30, since: int = 0) -> re.Match:
        """Waits for a regular expression in the log, from character `since` on; its first match."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.compile(pattern).search(self.log(), since):
                return found
            self.assert_alive()
            time.sleep(0.1)
        raise AssertionError(
            f"no {pattern!r} in the log of {self.name} after {seconds} s; it ends:\n{self.log_tail()}"
        )

    def pss(self) -> int:
        """Bytes of memory of the process, each shared page counted by its share (PSS), blacklists included; without other files, which the kernel holds
        and drops as it likes, and shares with whatever other nodes there are."""
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
        """One request; `body` is bytes, sent as they are, or what JSON can say. The answer, parsed if it is JSON. `user`: name and password."""
        raw = isinstance(body, bytes)
        # The server refuses types that it does not know; of those it does, this is a binary one.
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
        """Indexes documents in one request. `check`: any item that failed is an error."""
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
        """The source of every document that matches, up to 10,000, in the order of their `_id`s."""
        body = {"size": 10_000, "query": query or {"match_all": {}}}
        hits = self.post(f"/{index}/_search", body, **options)["hits"]["hits"]
        return [hit["_source"] for hit in sorted(hits, key=lambda hit: hit["_id"])]

    def count(self, index: str, query: dict | None = None, **options) -> int:
        """How many documents match, after a refresh."""
        self.post(f"/{index}/_refresh", **options)
        return self.post(f"/{index}/_count", {"query": query} if query else None, **options)[
            "count"
        ]


@contextlib.contextmanager
def node(version: str, start: bool = True, **options) -> Iterator[Node]:
    """A cluster of one. `start`: now, rather than when the caller has looked after its folder. Other options: `Node`'s."""
    settings = {"discovery.type": "single-node", **(options.pop("settings", None) or {})}
    one = Node(version, settings=settings, **options)
    try:
        if start:
            one.start()
        yield one
    finally:
        one.remove()


def _link(source: str, target: str) -> None:
    """Links where the file systems are the same, copies where they are not."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _parsed(answer: bytes):
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")
