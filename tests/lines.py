"""Log lines, as the programs write them whose logs are matched."""

import json

# 2026-08-23T00:00:00Z
EPOCH = 1_787_443_200


def squid(
    url: str, client="192.168.7.9", peer="HIER_DIRECT/198.51.100.7", method="GET", at: float = EPOCH
) -> str:
    """Returns a line of Squid's native format."""
    return f"{at:.3f}    142 {client} TCP_MISS/200 4512 {method} {url} - {peer} text/html"


def combined(url: str, client="192.168.7.9", referrer="-", method="GET", day=23) -> str:
    """Returns a line of Squid's `combined` format. A web server's line lacks the last word."""
    return (
        f'{client} - - [{day:02}/Aug/2026:00:00:00 +0000] "{method} {url} HTTP/1.1" 200 4512 '
        f'"{referrer}" "Mozilla/5.0 (X11; Linux x86_64)" TCP_MISS:HIER_DIRECT'
    )


def eve_dns(name: str) -> str:
    """Returns Suricata's EVE record of a DNS query."""
    return json.dumps(
        {
            "timestamp": "2026-08-23T00:00:00.000000+0000",
            "flow_id": 1, "event_type": "dns", "src_ip": "192.168.7.9",
            "src_port": 5353, "dest_ip": "192.168.7.1", "dest_port": 53, "proto": "UDP",
            "dns": {"type": "query", "id": 1, "rrname": name, "rrtype": "A"},
        }
    )  # fmt: skip


def eve_http(host: str, path: str, destination="198.51.100.7") -> str:
    """Returns Suricata's EVE record of an HTTP request."""
    return json.dumps(
        {
            "timestamp": "2026-08-23T00:00:00.000000+0000",
            "event_type": "http",
            "src_ip": "192.168.7.9",
            "dest_ip": destination,
            "dest_port": 80,
            "http": {
                "hostname": host,
                "url": path,
                "http_method": "GET",
                "http_user_agent": "curl",
            },
        }
    )


def eve_tls(sni: str) -> str:
    """Returns Suricata's EVE record of a TLS handshake."""
    return json.dumps(
        {
            "timestamp": "2026-08-23T00:00:00.000000+0000",
            "event_type": "tls",
            "src_ip": "192.168.7.9",
            "dest_ip": "198.51.100.7",
            "tls": {"sni": sni, "version": "TLS 1.3"},
        }
    )


def ecs(**fields) -> str:
    """Returns an ECS event. A double underscore in a name becomes a dot."""
    return json.dumps(
        {
            "@timestamp": "2026-08-23T00:00:00Z",
            **{name.replace("__", "."): value for name, value in fields.items()},
        }
    )


def zeek_conn(*pairs: tuple[str, str]) -> list[str]:
    """Returns Zeek's conn.log with one connection for each pair (originator, responder)."""
    head = [
        "#separator \\x09", "#set_separator\t,",
        "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
        "#open\t2026-08-23-00-00-00",
        "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice",
        "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring",
    ]  # fmt: skip
    rows = [
        f"{EPOCH}.000000\tC{n}\t{a}\t40000\t{b}\t443\ttcp\tssl" for n, (a, b) in enumerate(pairs)
    ]
    return [*head, *rows, "#close\t2026-08-23-01-00-00"]


def zeek_dns(*queries: str) -> list[str]:
    """Returns Zeek's dns.log."""
    head = [
        "#separator \\x09", "#set_separator\t,",
        "#empty_field\t(empty)", "#unset_field\t-", "#path\tdns",
        "#fields\tts\tuid\tid.orig_h\tid.resp_h\tquery\tanswers",
        "#types\ttime\tstring\taddr\taddr\tstring\tvector[string]",
    ]  # fmt: skip
    return [
        *head,
        *(f"{EPOCH}.000000\tD{n}\t192.168.7.9\t192.168.7.1\t{q}\t-" for n, q in enumerate(queries)),
    ]
