"""Tests that the program sends no password and no data to a database server whose certificate chain or name can't be
verified.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url, text

from console.domain.errors import ConsoleError
from console.store.backup import server_dump
from console.store.database import server as server_engine
from console.store.database.engine import Database
from tests.providers.certificates import CertificateAuthority
from tests.support import server_fixtures, servers
from tests.support.tls import TlsProperties

REPOSITORY_ROOT = Path(__file__).parent.parent.parent.parent
OLD_TLS_OPTION = "tls_version = TLSv1.1"


def read_tls_cipher(server: servers.Server, authority: Path) -> str:
    """Connect as the program does, trusting only this certificate authority, and return the name of the TLS cipher;
    "" if the connection isn't encrypted."""
    database = Database(f"{server.admin_url}mysql?ssl_ca={quote(str(authority))}")
    try:
        with database.read() as conn:
            return str(conn.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1])
    finally:
        database.close()


@pytest.fixture(scope="module")
def server_with_tls(mariadb_server: servers.Server) -> Iterator[servers.Server]:
    """Yield a server with a valid certificate; the tests of this module share it."""
    with servers.start_private_mariadb(tls=True) as server:
        yield server


def test_a_verified_server_is_connected_with_encryption(server_with_tls: servers.Server) -> None:
    """If the certificate chain and the name are right, the program connects with encryption."""
    assert server_with_tls.authority is not None
    assert read_tls_cipher(server_with_tls, server_with_tls.authority) != ""


def test_another_authority_is_refused(server_with_tls: servers.Server, tmp_path: Path) -> None:
    """The program refuses a server certificate of an authority that it doesn't trust."""
    assert (
        read_connection_problem(
            server_with_tls, CertificateAuthority(tmp_path, "Somebody Else").write_certificate_file()
        )
        == "tls_unverified"
    )


@pytest.mark.parametrize(
    "certificate",
    [TlsProperties(names=("db.example.jp",)), TlsProperties(valid_days=-1)],
    ids=["wrong host", "expired"],
)
def test_an_expired_or_wrong_host_certificate_is_refused(certificate: TlsProperties) -> None:
    """The program refuses a server certificate that is for another host, or that has expired."""
    server_fixtures.require_server("mariadb")
    with servers.start_private_mariadb(tls=certificate) as server:
        assert server.authority is not None
        assert read_connection_problem(server, server.authority) == "tls_unverified"


def run_dump_client(connected_server: servers.Server, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the client program that makes dumps with these options, but connect it to the port of `connected_server`,
    which may be another server than the one that was verified before. Return the ended process with its output."""
    url = make_url(connected_server.admin_url)
    command = [f"--port={url.port}" if option.startswith("--port=") else option for option in options]
    return subprocess.run(
        [*command, "-Ne", "SHOW STATUS LIKE 'Ssl_cipher'"],
        env={**os.environ, "MYSQL_PWD": url.password or ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_dump_program_verifies_the_server(
    server_with_tls: servers.Server, mariadb_server: servers.Server
) -> None:
    """The client program that makes dumps connects by itself. It connects to the verified server with encryption, and
    fails at a server without TLS or with a certificate of another authority."""
    assert server_with_tls.authority is not None
    database = Database(f"{server_with_tls.admin_url}mysql?ssl_ca={quote(str(server_with_tls.authority))}")
    try:
        options = server_dump.make_client_command(database, "mariadb", "mysql")
    finally:
        database.close()
    good = run_dump_client(server_with_tls, options)
    assert (good.returncode, len(good.stdout.split())) == (0, 2), good.stderr
    assert run_dump_client(mariadb_server, options).returncode != 0
    with servers.start_private_mariadb(tls=True) as impostor:
        assert run_dump_client(impostor, options).returncode != 0
    assert str(server_with_tls.authority) in " ".join(options)


def test_an_old_protocol_is_refused() -> None:
    """The program refuses a server that only offers a TLS version below 1.2."""
    server_fixtures.require_server("mariadb")
    with servers.start_private_mariadb(tls=True, extra_config=(OLD_TLS_OPTION,)) as server:
        assert server.authority is not None
        assert read_connection_problem(server, server.authority) == "tls_unverified"


def test_a_server_without_tls_is_refused(mariadb_server: servers.Server, tmp_path: Path) -> None:
    """The program refuses a server without TLS, because the server's identity can't be verified and the password
    would be sent unencrypted.
    """
    assert (
        read_connection_problem(mariadb_server, CertificateAuthority(tmp_path).write_certificate_file())
        == "tls_unverified"
    )


def read_connection_problem(server: servers.Server, authority: Path) -> object:
    with pytest.raises(ConsoleError) as refused:
        read_tls_cipher(server, authority)
    assert (refused.value.code, refused.value.exit_status) == ("database_unreachable", 6)
    return refused.value.detail["problem"]


@pytest.mark.parametrize("option", ["ssl_ca", "ssl_cert", "ssl_key"])
def test_a_pipe_is_no_certificate(tmp_path: Path, option: str) -> None:
    """The program refuses a named pipe as the file of a certificate, because the driver would wait for the pipe's
    other end for ever.
    """
    os.mkfifo(tmp_path / "pipe")
    database = Database(f"mysql+pymysql://a:b@127.0.0.1:1/console?{option}={quote(str(tmp_path / 'pipe'))}")
    try:
        with pytest.raises(ConsoleError) as refused, database.read():
            pass
    finally:
        database.close()
    assert (refused.value.code, refused.value.detail["problem"]) == ("bad_profile", "tls_file")


@pytest.mark.parametrize("query", ["", "?ssl_ca=/etc/ca.pem", "?ssl_verify_cert=false&ssl_verify_identity=0"])
def test_a_remote_server_is_verified_completely(query: str) -> None:
    """For a server on another machine, the program verifies the certificate chain and the name with the operating
    system's authorities, whatever options the URL has."""
    server = server_engine.parse_server_url(make_url(f"mysql+pymysql://op-a:pw@db.example.jp/console{query}"))
    given = dict(server.driver_arguments)
    assert (given["ssl_verify_cert"], given["ssl_verify_identity"], bool(given["ssl_ca"])) == (True, True, True)


def test_one_remote_node_requires_verification_of_all_nodes() -> None:
    """If a fallback node is on another machine, the program verifies the first node too, even at a loopback
    address.
    """
    server = server_engine.parse_server_url(
        make_url("mysql+pymysql://a:b@127.0.0.1/console?fallback=db.example.jp:3306")
    )
    assert server.driver_arguments["ssl_verify_identity"] is True


def test_only_the_engine_modules_open_connections() -> None:
    """Only the modules of the two kinds of database engines open connections, so no other code can omit the TLS
    options.
    """
    connects = re.compile(r"pymysql\.connect\(|create_engine\(|dialect\.connect\(")
    connecting_files = [
        file for file in (REPOSITORY_ROOT / "console").rglob("*.py") if connects.search(file.read_text())
    ]
    assert {file.name for file in connecting_files} == {"server.py", "sqlite.py"}
