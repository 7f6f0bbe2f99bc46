"""Writes access logs with a real Squid.

`python -m tests.squid.make_logs FOLDER` writes squid.log (native) and combined.log there.

Squid serves clients on loopback addresses and sends requests to an origin server in this process.
Nothing leaves the machine: all names are mapped to loopback addresses, Squid refuses other
addresses itself, and the resolver is a loopback address without a server.
"""

import argparse
import contextlib
import http.server
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

from tests import times

START_SECONDS = 20
STOP_SECONDS = 20
ANSWER_SECONDS = 30

# Listed in tests/data/real (stamparm/maltrail, MIT), in this form.
LISTED_DOMAINS = ["oussamartx.no-ip.biz", "mofa-gov-qa.ml", "indryz.beauty", "brokering.xyz"]
LISTED_URLS = ["irannihon.com/xmlrpc.php", "absupplies.co.uk/et4fcy.tar", "yncits89.com/p0x/"]
LISTED_ADDRESSES = ["84.54.50.73", "185.53.177.19", "68.183.203.9"]

ORDINARY = [
    "www.example.com", "static.example.com", "news.example.org",
    "mail.example.net", "shop.example.com", "cdn.images.example.org",
    "updates.example.net", "notmofa-gov-qa.ml", "indryz.beauty.example.com",
    "login.corp.example", "wiki.corp.example", "r3---sn-a.example.net",
]  # fmt: skip
PATHS = [
    "/",
    "/index.html",
    "/style.css",
    "/app.js",
    "/search?q=weather&page=2",
    "/images/logo.png",
    "/missing",
    "/a/b/../c",
    "/api/v1/items?id=7",
]
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36",
    "curl/7.88.1",
]
TYPES = {
    ".css": "text/css",
    ".js": "application/javascript",
    ".png": "image/png",
    ".tar": "application/x-tar",
}
SIX = "six.example.org"


class SquidError(RuntimeError):
    """Squid is missing, does not start, or does not answer."""


@dataclass
class Request:
    """One request to send. `target` is the text in the request line."""

    method: str
    target: str
    client: str = "127.0.0.1"
    referrer: str | None = None
    agent: str | None = "curl/7.88.1"
    raw: bytes | None = None


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers every request. A path with "missing" gets 404."""

    def do_GET(self):
        body = b"<p>" + b"x" * (len(self.path) * 37 % 900) + b"</p>"
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header(
            "Content-Type",
            TYPES.get(pathlib.PurePosixPath(self.path.split("?")[0]).suffix, "text/html"),
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """The origin on one address."""

    daemon_threads = True

    def __init__(self, address: str, port: int):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Origin)

    def handle_error(self, request, client_address):
        # Ignored: tunnels are opened and closed without a request.
        pass


def has_ipv6() -> bool:
    """Returns whether ::1 can be bound. Some containers have no IPv6."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def start_origin(stack: contextlib.ExitStack, wanted: int) -> int:
    """Starts the origin on the wanted port if that is allowed, otherwise on a free one. Returns its
    port.
    """
    addresses = ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
    for port in (wanted, 0):
        servers = []
        try:
            for address in addresses:
                servers.append(Server(address, servers[0].server_port if servers else port))
        except OSError:
            for server in servers:
                server.server_close()
            if port == 0:
                raise
            continue
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        return servers[0].server_port
    raise AssertionError("one of the ports was tried last")


def find_squid() -> str:
    squid = shutil.which("squid") or shutil.which("squid", path="/usr/sbin:/sbin:/usr/local/sbin")
    if not squid:
        raise SquidError("squid is missing; install it with: apt-get install squid")
    return squid


def hosts() -> dict[str, str]:
    """Returns all names with their addresses."""
    listed = [f"{label}{name}" for name in LISTED_DOMAINS for label in ("", "www.", "c2.")]
    listed += [url.split("/")[0] for url in LISTED_URLS]
    names = ORDINARY + listed + ["xn--bcher-kva.example", "dead.example.net"]
    return {name: "127.0.0.1" for name in names} | {SIX: "::1" if has_ipv6() else "127.0.0.1"}


def configuration(folder: pathlib.Path, proxy: int) -> str:
    lines = [
        f"http_port 127.0.0.1:{proxy}",
        *([f"http_port [::1]:{proxy}"] if has_ipv6() else []),
        f"hosts_file {folder}/hosts",
        # No server listens there, so a name that is not in hosts_file does not exist.
        "dns_nameservers 127.0.0.1",
        "dns_retransmit_interval 1 second",
        "dns_timeout 1 second",
        "connect_timeout 2 seconds",
        "acl elsewhere url_regex -i ^([a-z]+://)?[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+[:/]",
        "acl loopback url_regex -i ^([a-z]+://)?127\\.",
        "http_access deny elsewhere !loopback",
        "acl clients src 127.0.0.0/8 ::1",
        "http_access allow clients",
        "http_access deny all",
        "cache deny all",
        f"access_log stdio:{folder}/squid.log squid",
        f"access_log stdio:{folder}/combined.log combined",
        f"cache_log {folder}/cache.log",
        f"pid_filename {folder}/squid.pid",
        f"coredump_dir {folder}",
        "netdb_filename none",
        "pinger_enable off",
        "shutdown_lifetime 1 second",
        "visible_hostname proxy.corp.example",
    ]
    if os.geteuid() == 0:
        lines.append(f"cache_effective_user {squid_user()}")
    return "\n".join(lines) + "\n"


def squid_user() -> str:
    """Returns the user that Squid changes to when root starts it."""
    for name in ("proxy", "squid", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise SquidError("no user for squid to become: expected one of proxy, squid, nobody")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_squid(folder: pathlib.Path, proxy: int):
    """Runs Squid with a configuration in this folder, and always stops it at the end."""
    (folder / "hosts").write_text(
        "".join(f"{address} {name}\n" for name, address in hosts().items())
    )
    (folder / "squid.conf").write_text(configuration(folder, proxy))
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(folder, squid_user())
    command = [
        find_squid(),
        "-N",
        "-n",
        f"ts{os.getpid()}p{proxy}",
        "-f",
        str(folder / "squid.conf"),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        with times.starting("Squid"):
            wait_until_it_answers(process, folder, proxy)
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SquidError(f"squid did not stop within {STOP_SECONDS} s") from error
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until_it_answers(process: subprocess.Popen, folder: pathlib.Path, proxy: int):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace")
            log = folder / "cache.log"
            said += log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise SquidError(f"squid ended with status {process.returncode}: {said}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", proxy), timeout=1).close()
            return
        time.sleep(0.05)
    raise SquidError(f"squid did not listen within {START_SECONDS} s")


def send(request: Request, proxy: int):
    """Sends one request and reads its answer to the end."""
    family = socket.AF_INET6 if ":" in request.client else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.bind((request.client, 0))
        connection.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", proxy))
        connection.sendall(request.raw if request.raw is not None else head(request))
        if request.method == "CONNECT":
            connection.recv(65536)
            return
        if request.raw is not None:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def head(request: Request) -> bytes:
    authority = request.target.split("://")[-1].split("/")[0]
    lines = [
        f"{request.method} {request.target} HTTP/1.1",
        f"Host: {authority}",
        "Connection: close",
    ]
    if request.method == "POST":
        lines.append("Content-Length: 0")
    lines += [f"Referer: {request.referrer}"] if request.referrer else []
    lines += [f"User-Agent: {request.agent}"] if request.agent else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def requests(port: int, tunnel: int) -> list[Request]:
    """Returns the requests to the origin's two ports: each unusual case once, some listed values,
    and ordinary traffic around them.
    """
    at = "" if port == 80 else f":{port}"
    peculiar = [
        Request("GET", f"http://www.example.com{at}/search?q=1"),
        Request("GET", f"http://{SIX}{at}/x"),
        Request("GET", f"http://127.0.0.1{at}/q"),
        *([Request("GET", f"http://[::1]{at}/six", client="::1")] if has_ipv6() else []),
        *([Request("CONNECT", f"[::1]:{tunnel}")] if has_ipv6() else []),
        Request("CONNECT", f"login.corp.example:{tunnel}"),
        Request("CONNECT", f"{SIX}:{tunnel}"),
        Request("GET", "http://nonexistent.invalid/"),
        Request("GET", "http://dead.example.net:1/refused"),
        Request("GET", f"http://WWW.Example.COM{at}/Upper/Case"),
        Request("GET", f"http://www.example.com.{at}/trailing-dot"),
        Request("GET", f"http://xn--bcher-kva.example{at}/b%C3%BCcher"),
        Request("GET", f"http://www.example.com{at}/{'long/' * 700}end?x=y"),
        Request("GET", f"http://www.example.com{at}/a;b=c,d'e(f)/%22%20%5B?[x]=%7C"),
        Request("GET", f"http://www.example.com{at}/bücher/“quoted”"),
        Request("GET", f'http://www.example.com{at}/a"b'),
        Request(
            "GET",
            f"http://www.example.com{at}/agent",
            agent='Odd "agent" \\ with [brackets]\tand a tab',
        ),
        Request("GET", f"http://www.example.com{at}/none", agent=None),
        Request(
            "GET",
            f"http://www.example.com{at}/ref",
            referrer=f'http://news.example.org{at}/?q="a b"&x=http://static.example.com/',
        ),
        Request("HEAD", f"http://www.example.com{at}/head"),
        Request("POST", f"http://www.example.com{at}/form?token=1"),
        Request("GET", f"http://bob:secret@www.example.com{at}/userinfo"),
        Request("NONE", "error:invalid-request", raw=b"\x16\x03\x01\x02\x00\r\n\r\n"),
        Request("NONE", "error:transaction-end-before-headers", raw=b"GET http://www.exam"),
    ]
    listed = [
        Request("GET", f"http://{name}{at}/gate.php?id=3", client=f"127.0.0.{20 + i}")
        for i, name in enumerate(LISTED_DOMAINS)
    ]
    listed += [
        Request("CONNECT", f"c2.{LISTED_DOMAINS[1]}:{tunnel}"),
        Request("GET", f"http://WWW.{LISTED_DOMAINS[2].upper()}{at}/"),
    ]
    listed += [
        Request(
            "GET", f"http://{url.split('/')[0]}{at}/{url.split('/', 1)[1]}", client="127.0.0.31"
        )
        for url in LISTED_URLS
    ]
    listed += [Request("GET", f"http://{LISTED_URLS[0]}.html".replace(".com/", f".com{at}/"))]
    listed += [Request("GET", f"http://{address}/login") for address in LISTED_ADDRESSES]
    listed += [Request("CONNECT", f"{LISTED_ADDRESSES[0]}:443")]
    listed += [
        Request(
            "GET",
            f"http://www.example.com{at}/from",
            referrer=f"http://{LISTED_DOMAINS[3]}/landing",
        )
    ]
    ordinary = []
    for i in range(160):
        name, client = ORDINARY[i * 7 % len(ORDINARY)], f"127.0.0.{10 + i * 13 % 40}"
        if i % 9 == 4:
            ordinary.append(
                Request("CONNECT", f"{name}:{tunnel}", client=client, agent=AGENTS[i % 3])
            )
        else:
            referrer = f"http://{ORDINARY[i * 5 % len(ORDINARY)]}/" if i % 3 == 0 else None
            ordinary.append(
                Request(
                    "GET",
                    f"http://{name}{at}{PATHS[i * 4 % len(PATHS)]}",
                    client,
                    referrer,
                    AGENTS[i % 3],
                )
            )
    # The listed values are spread among the others, as in real logs.
    special = peculiar + listed
    step = max(1, len(ordinary) // len(special))
    for i, request in enumerate(special):
        ordinary.insert(i * (step + 1), request)
    return ordinary


def make_logs(folder) -> tuple[pathlib.Path, pathlib.Path, list[Request]]:
    """Writes squid.log and combined.log into a folder. Returns their paths and the logged requests,
    in order.
    """
    find_squid()
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="squid-") as work, contextlib.ExitStack() as stack:
        work = pathlib.Path(work)
        made = requests(start_origin(stack, 80), start_origin(stack, 443))
        proxy = free_port()
        with running_squid(work, proxy):
            wait_for_line(work / "squid.log", 0)
            for request in made:
                before = count_lines(work / "squid.log")
                send(request, proxy)
                wait_for_line(work / "squid.log", before)
        for name in ("squid.log", "combined.log"):
            (folder / name).write_bytes((work / name).read_bytes())
    # The first connection only tested whether Squid answers, and Squid logged it as an error.
    return (
        folder / "squid.log",
        folder / "combined.log",
        [Request("NONE", "error:transaction-end-before-headers"), *made],
    )


def count_lines(log: pathlib.Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def wait_for_line(log: pathlib.Path, before: int):
    """Waits until Squid has logged another request.

    Squid logs a request when it has finished it. Waiting keeps the log in the order of the
    requests.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    while count_lines(log) <= before:
        if time.monotonic() > deadline:
            raise SquidError(f"squid did not log a request within {ANSWER_SECONDS} s")
        time.sleep(0.002)


def main():
    parser = argparse.ArgumentParser(
        description="Writes squid.log and combined.log with a real Squid."
    )
    parser.add_argument("folder", help="where to write them")
    try:
        native, combined, made = make_logs(parser.parse_args().folder)
    except SquidError as error:
        sys.exit(f"error: {error}")
    print(f"{len(made)} requests in {native} and {combined}")


if __name__ == "__main__":
    main()
