"""What the simulated AlarmBox accepts from the start; invented, and worth nothing anywhere else."""

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - public by design: it opens a simulator on loopback
REFRESH_TOKEN = "sandbox-refresh-1"  # noqa: S105 - as above
SCOPE = "read credit_check:create"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
