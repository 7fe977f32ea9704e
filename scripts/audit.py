"""Asks a database of known vulnerabilities (osv.dev) about each pinned package version: `make audit`.

Exit status: 0: no pinned version has a known vulnerability; 1: at least one has; 2: the service can't be reached or
gave a wrong answer.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from urllib.request import Request, urlopen

from scripts.lock import LOCK, iterate_pins
from scripts.third_party import list_bundled_distributions

SERVICE = "https://api.osv.dev/v1/querybatch"
TIMEOUT_SECONDS = 30


def find_vulnerabilities(pinned: Mapping[str, str], service: str = SERVICE) -> dict[str, list[str]]:
    """Return the ids of the known vulnerabilities by package name. `pinned` has the version of each package; a
    package without a known vulnerability has no key. Raises OSError if the service can't be reached, ValueError if
    the number of its answers is wrong.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pinned.items()
    ]
    request = Request(service, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # https, ours
        results = json.load(answer)["results"]
    if len(results) != len(queries):
        raise ValueError("an answer to another question")
    result_by_name = dict(zip(pinned, results, strict=True))
    return {name: [one["id"] for one in item["vulns"]] for name, item in result_by_name.items() if item.get("vulns")}


def main(service: str = SERVICE) -> int:
    """Print the known vulnerabilities of the pinned packages, and return the exit status (see the module)."""
    pinned = dict(iterate_pins(LOCK.read_text()))
    try:
        vulnerabilities = find_vulnerabilities(pinned, service)
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        print(f"The service of known vulnerabilities ({service}) is out of reach, so nothing is known: {trouble}")
        return 2
    runs = {one.metadata["Name"].lower().replace("_", "-") for one in list_bundled_distributions(("gs", "kafka"))}
    for line in _format_lines(vulnerabilities, pinned, runs):
        print(line)
    print(f"{len(pinned)} pins, {len(vulnerabilities)} with known vulnerabilities.")
    return 1 if vulnerabilities else 0


def _format_lines(
    vulnerabilities: Mapping[str, list[str]], pinned: Mapping[str, str], runs: set[str]
) -> Iterator[str]:
    for name, ids in vulnerabilities.items():
        yield f"{name} {pinned[name]} ({'runs' if name in runs else 'development'}): {', '.join(ids)}"


if __name__ == "__main__":
    sys.exit(main())
