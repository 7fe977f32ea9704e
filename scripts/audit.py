"""Asks a database of known vulnerabilities (osv.dev) about each pinned package version: `make audit`.

Exit status: 0: no pinned version has a known vulnerability; 1: at least one has; 2: the service can't be reached or
gave a wrong answer.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from urllib.request import Request, urlopen

from scripts.lock import LOCK, iterate_pins
from scripts.third_party_documents import list_bundled_distributions

VULNERABILITY_SERVICE_URL = "https://api.osv.dev/v1/querybatch"
TIMEOUT_SECONDS = 30


def find_vulnerabilities(
    version_by_package: Mapping[str, str], service_url: str = VULNERABILITY_SERVICE_URL
) -> dict[str, list[str]]:
    """Return the ids of the known vulnerabilities by package name. `version_by_package` has the version of each
    package; a package without a known vulnerability has no key. Raises OSError if the service can't be reached,
    ValueError if the number of its answers is wrong.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in version_by_package.items()
    ]
    request = Request(service_url, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # https, ours
        results = json.load(answer)["results"]
    if len(results) != len(queries):
        raise ValueError("an answer to another question")
    result_by_name = dict(zip(version_by_package, results, strict=True))
    return {name: [one["id"] for one in item["vulns"]] for name, item in result_by_name.items() if item.get("vulns")}


def main(service_url: str = VULNERABILITY_SERVICE_URL) -> int:
    """Print the known vulnerabilities of the pinned packages, and return the exit status (see the module)."""
    pinned = dict(iterate_pins(LOCK.read_text()))
    try:
        vulnerabilities = find_vulnerabilities(pinned, service_url)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"The service of known vulnerabilities ({service_url}) is out of reach, so nothing is known: {error}")
        return 2
    runs = {one.metadata["Name"].lower().replace("_", "-") for one in list_bundled_distributions(("gs", "kafka"))}
    for line in _format_lines(vulnerabilities, pinned, runs):
        print(line)
    print(f"{len(pinned)} pins, {len(vulnerabilities)} with known vulnerabilities.")
    return 1 if vulnerabilities else 0


def _format_lines(
    vulnerabilities: Mapping[str, list[str]], version_by_package: Mapping[str, str], bundled_packages: set[str]
) -> Iterator[str]:
    for name, ids in vulnerabilities.items():
        use = "runs" if name in bundled_packages else "development"
        yield f"{name} {version_by_package[name]} ({use}): {', '.join(ids)}"


if __name__ == "__main__":
    sys.exit(main())
