"""Credentials that the simulated providers accept after a start. They are invented; no real provider accepts them."""

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - public by design: it opens a simulator on loopback
REFRESH_TOKEN = "sandbox-refresh-1"  # noqa: S105 - as above
OAUTH_SCOPE = "read credit_check:create"
OUT_OF_BAND_REDIRECT_URI = "urn:ietf:wg:oauth:2.0:oob"

REGISTRY_APPLICATION_ID = "KsandboxAppId"

PAYPAY_API_KEY = "a_sandbox_key"
PAYPAY_API_SECRET = "sandbox-paypay-secret="  # noqa: S105 - public by design: it opens a simulator on loopback
PAYPAY_MERCHANT_ID = "100000000000000001"

# Key and salt differ, and requests and responses have different ones, so that a client that confuses them fails.
ATOM_MERCH_ID = "900001"
ATOM_PASSWORD = "Sandbox@1"  # noqa: S105 - as above
ATOM_REQUEST_KEY = "51A0B0C0D0E0F0112233445566778801"
ATOM_REQUEST_SALT = "52A0B0C0D0E0F0112233445566778802"
ATOM_RESPONSE_KEY = "53A0B0C0D0E0F0112233445566778803"
ATOM_RESPONSE_SALT = "54A0B0C0D0E0F0112233445566778804"
ATOM_REQUEST_HASH_KEY = "SANDBOXKEYREQ01"
ATOM_RESPONSE_HASH_KEY = "SANDBOXKEYRESP02"
ATOM_PRODUCT = "NSE"
