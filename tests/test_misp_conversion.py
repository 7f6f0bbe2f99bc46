"""Events that host/misp makes, compared with those of misp-stix, and sent to the MISP double."""

import itertools
import json
import random
import time

from tests import misp_oracle, seeds
from tests.misp.client import ask

VALUES = [
    "evil.com",
    "EVIL.com.",
    "www.evil.com",
    "bücher.example",
    "*.evil.com",
    "evil.com:8080",
    "10.1.2.3",
    "10.1.2.3:443",
    "10.0.0.0/8",
    "10.1.2.1-10.1.2.9",
    "2001:DB8::1",
    "2001:db8::/32",
    "http://Evil.com/A b",
    "evil.com/a",
    "http://evil.com/\U0001f600",
    "User@Evil.com",
    "d41d8cd98f00b204e9800998ecf8427e",
    "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ["evil.com", "10.1.2.3"],
    ["d41d8cd98f00b204e9800998ecf8427e", "file:a.exe"],
    ["http://evil.com/a", "10.1.2.3"],
    ["evil.com", "file:it's \U00000041"],
]
ANALYST = {
    "uuid": "7b1f0c9e-00a1-5a00-8000-000000000001",
    "type": "domain",
    "category": "Network activity",
    "value": "analyst.example",
}
TAGS = [
    *(f"tlp:{level}" for level in ("clear", "green", "amber", "amber+strict", "red")),
    *(
        f'misp:confidence-level="{level}"'
        for level in (
            "unconfident",
            "rarely-confident",
            "fairly-confident",
            "usually-confident",
            "completely-confident",
        )
    ),
]
TLPS = [None, "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]


def test_each_difference_from_misp_stix_has_a_reason():
    for corpus, comparison in misp_oracle.compared().items():
        assert not comparison.unexplained, (corpus, comparison.unexplained)
        assert comparison.same > 0, corpus


def test_the_page_of_differences_is_current():
    assert misp_oracle.PAGE.read_text(encoding="utf-8") == misp_oracle.page(), (
        "python -m tests.misp_oracle writes docs/misp-oracle.md again"
    )


def changed(rng: random.Random, indicators: dict[int, dict]) -> None:
    """Changes some indicators, and adds and removes some."""
    for number in range(40):
        match rng.randrange(5):
            case 0:
                indicators.pop(number, None)
            case 1:
                indicators[number] = {
                    "id": f"indicator--{number}",
                    "name": rng.choice(["Bad \U0001f600", "Title", "a\nb"]),
                    "values": rng.sample(VALUES, rng.randrange(4)),
                    "tlp": rng.choice(TLPS),
                    "confidence": rng.choice([None, 0, 30, 80, 100]),
                }
            case 2 if number in indicators:
                was = indicators[number].get("active", True)
                indicators[number] |= {"active": not was}


def test_changing_indicators_arrive_in_misp(misp_double):
    misp_double.tag(*TAGS)
    rng = random.Random(seeds.SEED)
    clock = itertools.count(int(time.time()) + 100, 10)
    indicators: dict[int, dict] = {}
    changed(rng, indicators)
    held, added = None, False
    with misp_oracle.converter() as process:
        for _ in range(25):
            changed(rng, indicators)
            request = {"indicators": list(indicators.values()), "delete": rng.random() < 0.5}
            for written in itertools.count():
                line = json.dumps(request | {"held": held, "now": next(clock)})
                answer = misp_oracle.ask(process, line)
                if answer["body"] is None:
                    break
                assert written < 3, answer["differences"]
                status, _ = ask(misp_double, "POST", answer["path"], answer["body"])
                assert status == 200
                uuid = answer["body"]["Event"]["uuid"]
                if not added:
                    ask(misp_double, "POST", f"/attributes/add/{uuid}", ANALYST)
                    added = True
                status, held = ask(misp_double, "GET", f"/events/view/{uuid}/deleted:1")
                assert status == 200
            assert answer["differences"] == []
    others = [a for a in held["Event"]["Attribute"] if a["uuid"] == ANALYST["uuid"]]
    assert [(a["value"], a["deleted"], a["to_ids"]) for a in others] == [
        ("analyst.example", False, True)
    ]
