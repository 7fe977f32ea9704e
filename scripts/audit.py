"""Asks a service of known vulnerabilities about every pin: `make audit`.

Exit status: 0 none known, 1 some are, 2 the service is out of reach (nothing is known then, good or bad).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from urllib.request import Request, urlopen

from scripts.lock import LOCK, pins
from scripts.third_party import bundled

SERVICE = "https://api.osv.dev/v1/querybatch"
SECONDS = 30


def known(pinned: Mapping[str, str], service: str = SERVICE) -> dict[str, list[str]]:
    """Vulnerabilities (their ids) by package. Raises OSError where the service is out of reach, ValueError where it
    answers something else.
    """
    asked = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pinned.items()]
    request = Request(service, json.dumps({"queries": asked}).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=SECONDS) as answer:  # https, ours
        told = json.load(answer)["results"]
    if len(told) != len(asked):
        raise ValueError("an answer to another question")
    found = zip(pinned, told, strict=True)
    return {name: [one["id"] for one in item["vulns"]] for name, item in found if item.get("vulns")}


def main(service: str = SERVICE) -> int:
    """Ask, and tell what is known."""
    pinned = dict(pins(LOCK.read_text()))
    try:
        found = known(pinned, service)
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        print(f"The service of known vulnerabilities ({service}) is out of reach, so nothing is known: {trouble}")
        return 2
    runs = {one.metadata["Name"].lower().replace("_", "-") for one in bundled(("gs", "kafka"))}
    for line in _lines(found, pinned, runs):
        print(line)
    print(f"{len(pinned)} pins, {len(found)} with known vulnerabilities.")
    return 1 if found else 0


def _lines(found: Mapping[str, list[str]], pinned: Mapping[str, str], runs: set[str]) -> Iterator[str]:
    for name, ids in found.items():
        yield f"{name} {pinned[name]} ({'runs' if name in runs else 'development'}): {', '.join(ids)}"


if __name__ == "__main__":
    sys.exit(main())
