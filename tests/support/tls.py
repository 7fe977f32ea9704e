"""Makes a TLS certificate for a private server."""

from dataclasses import dataclass
from pathlib import Path

from tests.providers.certificates import CertificateAuthority
from tests.support.server_run import ServerRun


@dataclass(frozen=True, slots=True)
class TlsProperties:
    """Properties of a certificate: its hosts (`names`), and the number of days for which it is valid (negative: it
    has expired).
    """

    names: tuple[str, ...] = ("127.0.0.1", "localhost")
    valid_days: int = 30


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of a certificate: `authority` is the certificate authority that a client trusts, `server` the server's
    key and certificate in one file.
    """

    authority: Path
    server: Path

    def format_option_lines(self) -> tuple[str, ...]:
        """Return the lines for MariaDB's option file."""
        return f"ssl-ca={self.authority}", f"ssl-cert={self.server}", f"ssl-key={self.server}"


def issue_certificate(run: ServerRun, name: str, properties: TlsProperties) -> TlsFiles:
    """Make a certificate that is signed by a new authority, and return its files, which the server can read."""
    folder = run.folder / f"{name}.tls"
    folder.mkdir(mode=0o711)
    authority = CertificateAuthority(folder)
    signed = authority.write_server_certificate(*properties.names, days=properties.valid_days)
    server_file = run.write_file(f"{name}.tls/server.pem", signed.read_text())
    signed.unlink()
    return TlsFiles(authority.write_certificate_file(), server_file)
