"""Tests of the CI pipeline: it runs only targets of the Makefile, on every supported version of Python, operating
system and database server.
"""

import os
import re
import subprocess
import tomllib
from pathlib import Path

from scripts.bundle.appimage import RUNTIME_RELEASE, RUNTIME_SHA256
from tests.support.server_fixtures import MYSQL_URL_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PIPELINE_TEXT = (ROOT / ".github" / "workflows" / "pipeline.yml").read_text(encoding="utf-8")
MAKEFILE_TEXT = (ROOT / "Makefile").read_text(encoding="utf-8")


def read_job(name: str) -> str:
    """Return the text of one job in the file of the CI pipeline."""
    match = re.search(rf"^  {name}:\n((?:    .*\n|  *#.*\n|\n)+)", PIPELINE_TEXT, flags=re.MULTILINE)
    assert match, name
    return match[1]


def read_recipe(target: str) -> str:
    """Return the commands of a target of the Makefile."""
    match = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE_TEXT, flags=re.MULTILINE)
    assert match, target
    return match[1]


def read_matrix_values(name: str, text: str) -> list[str]:
    """Return the values of the list `name` in the matrix of the CI pipeline, whose text is `text`; the list is
    written on one line."""
    match = re.search(rf"^ +{name}: \[(.*)\]$", text, flags=re.MULTILINE)
    assert match, name
    return re.findall(r"[\w.-]+", match[1])


def test_every_make_target_in_the_pipeline_exists() -> None:
    """Every target that the pipeline calls exists in the Makefile, including those in its matrix. Every pipeline step
    with a command calls a Makefile target.
    """
    known = set(re.findall(r"^([a-z]+):[^#\n]*##", MAKEFILE_TEXT, flags=re.MULTILINE))
    named_targets = set(re.findall(r"\bmake ([a-z]+)", PIPELINE_TEXT.replace("git make python3", ""))) | set(
        read_matrix_values("word", read_job("nightly"))
    )
    assert named_targets <= known
    assert named_targets >= {
        "test",
        "rooms",
        "databases",
        "window",
        "build",
        "installer",
        "appimage",
        "bare",
        "nightly",
        "soak",
        "mutants",
        "audit",
    }


def test_the_matrix_has_every_supported_version() -> None:
    """The pipeline's matrix has each minor version of Python that pyproject.toml allows, three operating systems and
    three database servers.
    """
    allowed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    low, high = (int(text) for text in re.findall(r"3\.(\d+)", allowed))
    pythons = [f"3.{minor}" for minor in range(low, high)]
    assert read_matrix_values("python", read_job("all")) == read_matrix_values("python", read_job("desks")) == pythons
    systems = {name.partition("-")[0] for name in read_matrix_values("system", read_job("desks"))}
    assert systems == {"ubuntu", "windows", "macos"}
    assert {
        name.partition("-")[0] for name in re.findall(r"(?:ubuntu|windows|macos)-\d+", read_job("packages"))
    } == systems
    databases = read_job("databases")
    assert read_matrix_values("database", databases) == ["mariadb", "galera", "mysql"]
    assert set(re.findall(r'"mysql:([\d.]+)"', databases)) == {"8.4", "9"}


def test_the_job_of_a_database_server_runs_all_tests_of_that_server() -> None:
    """`make databases` selects the tests by the name of the server alone, so that no folder of tests is forgotten. If
    no MySQL server is given, it fails: the few tests that have the name would show nothing about MySQL.
    """
    recipe = read_recipe("databases")
    (command,) = re.findall(r"-m pytest (.*)", recipe)
    assert '-k "$(DATABASE)" $(ARGS)' in command
    assert "tests/" not in command
    assert "make databases " in read_job("databases")
    without_address = {name: value for name, value in os.environ.items() if name != MYSQL_URL_VARIABLE}
    check = recipe.partition("-m pytest")[0].rpartition("\n")[0].strip("\t@")
    for database, status in (("mysql", 1), ("galera", 0)):
        shell_text = check.replace("$(DATABASE)", database).replace("$$", "$")
        ran = subprocess.run(["bash", "-euc", shell_text], env=without_address, capture_output=True, text=True)
        assert (ran.returncode, MYSQL_URL_VARIABLE in ran.stdout) == (status, bool(status))


def test_every_job_on_linux_installs_system_packages_as_root() -> None:
    """Each step that runs a Makefile target on Ubuntu's own system runs it as root, because only root installs the
    system packages. The job `packages` is root in its container."""
    for name in ("all", "desks", "databases", "window", "nightly"):
        commands = re.findall(r"- run: (.*\bmake .*)", read_job(name))
        assert commands, name
        assert all("sudo --preserve-env=CI" in command for command in commands), name


def test_the_programs_of_single_tests_are_installed() -> None:
    """A test that needs a program beside the servers is skipped without it, with a reason that names the package. The
    nightly job installs each of these packages, and the job "all" those that are small.
    """
    texts = (file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    packages = {name for text in texts for name in re.findall(r"is missing \(package ([a-z-]+)\)", text)}
    installed_by_job = {
        job: {name for line in re.findall(r"apt-get install (.*)", read_job(job)) for name in line.split()}
        for job in ("all", "nightly")
    }
    assert {"squashfs-tools"} <= packages & installed_by_job["all"]
    assert packages <= installed_by_job["nightly"]


def test_a_push_cancels_no_nightly_run() -> None:
    assert "github.event_name" in PIPELINE_TEXT.partition("concurrency:")[2].partition("cancel-in-progress")[0]


def test_the_versions_of_python_run_all_costly_tests() -> None:
    """The pipeline's jobs for the versions of Python share the costly tests: each job runs its own part of them."""
    assert "make test SEED=${{ strategy.job-index }} TURNS=${{ strategy.job-total }} " in read_job("all")


def test_the_pipeline_takes_the_appimage_runtime_by_its_hash() -> None:
    """The pipeline names the AppImage runtime by the same hash that scripts/bundle/appimage.py states."""
    assert f"/{RUNTIME_RELEASE}/" in read_job("packages")
    assert RUNTIME_SHA256 in read_job("packages")


def test_the_pipeline_has_no_rights_and_no_secrets() -> None:
    assert "permissions:\n  contents: read\n" in PIPELINE_TEXT
    assert "secrets." not in PIPELINE_TEXT
