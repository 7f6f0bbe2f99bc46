"""Lines of the log formats with fields and times, written after the documentation of their
vendors. Each function returns the lines of one moment; host, address and path are the same in all.
"""

import json
from datetime import datetime, timezone

HOST, ADDRESS, ADDRESS6 = "www.evil.com", "203.0.112.5", "2a00:1450:1::9"


def _epoch(at: datetime) -> int:
    return int(at.timestamp())


def _apache(at: datetime) -> str:
    return at.strftime("%d/%b/%Y:%H:%M:%S")


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def haproxy(at: datetime) -> list[tuple[str, dict]]:
    """Logs of HTTP and TCP."""
    time = f"{_apache(at)}.655"
    return [
        (
            f"{ADDRESS}:33317 [{time}] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- "
            '1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"',
            {"source.ip": ADDRESS},
        ),
        (
            f"10.0.0.1:33317 [{time}] http-in~ static/<NOSRV> -1/-1/-1/-1/0 503 217 - - SC-- "
            f'1/1/0/0/0 0/0 "GET https://{HOST}/a?b=1 HTTP/2.0"',
            {"url.original": f"https://{HOST}/a?b=1"},
        ),
        (
            f"{ADDRESS6}:33312 [{time}] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
            {"source.ip": ADDRESS6},
        ),
        (
            f"{at.strftime('%b %d %H:%M:%S')} lb haproxy[14389]: {ADDRESS}:33312 [{time}] fnt "
            "bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
            {"source.ip": ADDRESS},
        ),
    ]


def alb(at: datetime) -> list[tuple[str, dict]]:
    """Application, classic and network load balancers."""
    front = "app/my-loadbalancer/50dc6c495c0c9188"
    return [
        (
            f"https {_iso(at)}.186641Z {front} {ADDRESS}:2817 10.0.0.1:80 0.086 0.048 0.037 200 "
            f'200 0 57 "GET https://{HOST}:443/a?b=1 HTTP/1.1" "curl/7.46.0" - TLSv1.2 '
            'arn:aws:x "Root=1-58" "-" "-" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" '
            '"10.0.0.1:80" "200" "-" "-" TID_1',
            {"source.ip": ADDRESS, "url.original": f"https://{HOST}:443/a?b=1"},
        ),
        (
            f"{_iso(at)}.186641Z my-loadbalancer {ADDRESS6}:2817 - -1 -1 -1 503 0 0 0 "
            '"GET http://good.example:80/ HTTP/1.1" "-" - -',
            {"source.ip": ADDRESS6},
        ),
        (
            f"tls 2.0 {_iso(at)} net/my-nlb/c6e77e28c25b2234 g3d4b5e8bb8464cd {ADDRESS}:51341 "
            f"172.16.100.185:443 5 2 98 246 - arn:aws:x - ECDHE tlsv12 - {HOST} - - - {_iso(at)}",
            {"source.ip": ADDRESS, "tls.client.server_name": HOST},
        ),
    ]


def vpc_flow(at: datetime) -> list[tuple[str, dict]]:
    """The default format."""
    time = f"{_epoch(at)} {_epoch(at) + 60}"
    return [
        (
            f"2 123456789010 eni-1235b8ca1 {ADDRESS} 172.31.16.21 20641 22 6 20 4249 {time} "
            "ACCEPT OK",
            {"source.ip": ADDRESS},
        ),
        (
            f"2 123456789010 eni-1235b8ca1 172.31.16.21 {ADDRESS6} 22 20641 6 20 4249 {time} "
            "REJECT OK",
            {"destination.ip": ADDRESS6},
        ),
    ]


def bind(at: datetime) -> list[tuple[str, dict]]:
    """Query logs."""
    time = at.strftime("%d-%b-%Y %H:%M:%S.123")
    return [
        (
            f"{time} queries: info: client @0x7f1c2c 10.0.0.1#53124 ({HOST}): query: {HOST} IN A "
            "+E(0)K (192.0.2.53)",
            {"dns.question.name": HOST},
        ),
        (
            f"{_iso(at)}.123Z queries: info: client {ADDRESS}#53124: view internal: query: "
            "good.example IN AAAA +",
            {"source.ip": ADDRESS},
        ),
    ]


def unbound(at: datetime) -> list[tuple[str, dict]]:
    """Queries and replies."""
    return [
        (
            f"[{_epoch(at)}] unbound[123:0] info: 10.0.0.1 {HOST}. A IN",
            {"dns.question.name": f"{HOST}."},
        ),
        (
            f"[{_epoch(at)}] unbound[123:0] reply: {ADDRESS} good.example. A IN NOERROR 0.1 0 61",
            {"source.ip": ADDRESS},
        ),
        (
            f"{_iso(at)}.000+00:00 unbound[123:0] info: {ADDRESS6} good.example. A IN",
            {"source.ip": ADDRESS6},
        ),
    ]


def dnsmasq(at: datetime) -> list[tuple[str, dict]]:
    """dnsmasq's and Pi-hole's log. Its times have no year."""
    front = f"{at.strftime('%b')} {at.day:2} {at.strftime('%H:%M:%S')} dnsmasq[123]:"
    return [
        (f"{front} query[A] {HOST} from 10.0.0.1", {"dns.question.name": HOST}),
        (f"{front} reply good.example is {ADDRESS}", {"dns.answers.data": ADDRESS}),
        (f"{front} gravity blocked {HOST} is 0.0.0.0", {"dns.question.name": HOST}),
        (
            f"{front} 7 {ADDRESS}/51234 query[AAAA] good.example from {ADDRESS}",
            {"source.ip": ADDRESS},
        ),
    ]


def filterlog(at: datetime) -> list[tuple[str, dict]]:
    """pfSense's packet filter, with both of its syslog headers."""
    v4 = "5,,,1000000103,igb1.20,match,block,in,4,0x0,,64,0,0,DF,6,tcp,60"
    v6 = "7,,,1000000105,igb0,match,pass,out,6,0x00,0x00000,64,udp,17,40"
    return [
        (
            f"{at.strftime('%b %d %H:%M:%S')} filterlog[72237]: {v4},{ADDRESS},192.168.1.2,51234,"
            "443,0,S,123,,64240,,mss",
            {"source.ip": ADDRESS},
        ),
        (
            f"<134>1 {_iso(at)}.578288+00:00 fw filterlog 72237 - - {v6},fe80::1,{ADDRESS6},5353,"
            "53,32",
            {"destination.ip": ADDRESS6},
        ),
    ]


def fortinet(at: datetime) -> list[tuple[str, dict]]:
    """Traffic and web filter."""
    day, time = at.strftime("%Y-%m-%d"), at.strftime("%H:%M:%S")
    return [
        (
            f'date={day} time={time} logid="0000000013" type="traffic" subtype="forward" '
            f"eventtime={_epoch(at)}123456789 srcip=10.1.1.1 srcport=58012 dstip={ADDRESS} "
            'dstport=80 action="close" tz="+0000"',
            {"destination.ip": ADDRESS},
        ),
        (
            f'<189>date={day} time={time} logid="0316013056" type="utm" subtype="webfilter" '
            f'tz="+0000" srcip=10.1.1.1 dstip=192.0.2.1 dstport=443 hostname="{HOST}" url="/a" '
            'msg="URL belongs to a denied category"',
            {"url.domain": HOST, "url.original": f"https://{HOST}:443/a"},
        ),
    ]


def palo_alto(at: datetime) -> list[tuple[str, dict]]:
    """Traffic and URL filter."""
    time = at.strftime("%Y/%m/%d %H:%M:%S")

    def line(kind: str, subtype: str, destination: str, rest: str) -> str:
        return (
            f"1,{time},012345678901,{kind},{subtype},2305,{time},10.1.1.1,{destination},0.0.0.0,"
            f"0.0.0.0,rule 1,corp\\bob,,web,vsys1,trust,untrust,eth1,eth2,fwd,{time},1,1,51234,"
            f"443,0,0,0x400000,tcp,allow,{rest}"
        )

    return [
        (line("TRAFFIC", "end", ADDRESS, "5120,2048,3072,20"), {"destination.ip": ADDRESS}),
        (
            line("THREAT", "url", "192.0.2.1", f'"{HOST}/a,b",(9999),any,informational'),
            {"url.original": f"{HOST}/a,b"},
        ),
    ]


def w3c_iis(at: datetime) -> list[tuple[str, dict]]:
    """IIS. The header comes again in the middle, with other columns."""
    time = at.strftime("%Y-%m-%d %H:%M:%S")
    return [
        ("#Software: Microsoft Internet Information Services 10.0", {}),
        (
            "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
            "cs(User-Agent) cs(Referer) sc-status cs-host",
            {},
        ),
        (
            f"{time} 10.0.0.5 GET /a b=1 443 - 10.0.0.1 Mozilla/5.0+(Windows) - 200 {HOST}",
            {"url.domain": HOST, "url.path": f"https://{HOST}:443/a?b=1"},
        ),
        ("#Version: 1.0", {}),
        ("#Fields: date time c-ip cs-method cs-uri-stem sc-status", {}),
        (f"{time} {ADDRESS} GET /a 200", {"source.ip": ADDRESS}),
    ]


def w3c_cloudfront(at: datetime) -> list[tuple[str, dict]]:
    """CloudFront's columns between tabs."""
    day, time = at.strftime("%Y-%m-%d"), at.strftime("%H:%M:%S")
    columns = [day, time, "LHR62", "2", ADDRESS, "GET", "d1.cloudfront.net", "/a", "200", "-"]
    return [
        ("#Version: 1.0", {}),
        (
            "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem "
            "sc-status cs-uri-query x-host-header",
            {},
        ),
        (
            "\t".join([*columns, HOST]),
            {"source.ip": ADDRESS, "url.domain": HOST, "url.path": f"http://{HOST}/a"},
        ),
    ]


def vpc_flow_header(at: datetime) -> list[tuple[str, dict]]:
    """Flow logs with a header of their own."""
    return [
        ("version action pkt-srcaddr pkt-dstaddr dstport start end", {}),
        (
            f"5 ACCEPT 10.0.0.1 {ADDRESS} 443 {_epoch(at)} {_epoch(at) + 60}",
            {"vpc_flow.pkt_dstaddr": ADDRESS},
        ),
    ]


def journald(at: datetime) -> list[tuple[str, dict]]:
    """systemd's journal in JSON; a message that is not printable is an array of bytes."""
    time = f"{_epoch(at)}000000"
    message = f"\x1b[1mfrom {ADDRESS}"
    return [
        (
            json.dumps({"__REALTIME_TIMESTAMP": time, "MESSAGE": f"asked {HOST} again"}),
            {"MESSAGE": HOST},
        ),
        (
            json.dumps({"__REALTIME_TIMESTAMP": time, "MESSAGE": list(message.encode())}),
            {"MESSAGE": ADDRESS},
        ),
    ]


def cloudflare(at: datetime) -> list[tuple[str, dict]]:
    """Logpush's requests, with each of its forms of time."""
    times = [f"{_iso(at)}Z", _epoch(at), _epoch(at) * 1_000_000_000]
    return [
        (
            json.dumps(
                {
                    "ClientIP": ADDRESS, "ClientRequestHost": HOST, "ClientRequestMethod": "GET",
                    "ClientRequestURI": "/a?b=1", "EdgeStartTimestamp": time,
                }
            ),
            {
                "ClientIP": ADDRESS, "ClientRequestHost": HOST,
                "ClientRequestURI": f"http://{HOST}/a?b=1",
            },
        )
        for time in times
    ]  # fmt: skip


FORMATS = {
    "haproxy": haproxy, "alb": alb, "vpc-flow": vpc_flow, "bind": bind, "unbound": unbound,
    "dnsmasq": dnsmasq, "filterlog": filterlog, "fortinet": fortinet, "paloalto": palo_alto,
}  # fmt: skip
HEADED = {
    "w3c": w3c_iis, "w3c cloudfront": w3c_cloudfront, "vpc-flow header": vpc_flow_header,
}  # fmt: skip
JSON = {"ndjson journald": journald, "ndjson cloudflare": cloudflare}
ALL = {**FORMATS, **HEADED, **JSON}


def day(month: int, number: int, year: int = 2026) -> datetime:
    """Returns noon of a day."""
    return datetime(year, month, number, 12, 0, 0, tzinfo=timezone.utc)
