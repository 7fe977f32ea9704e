"""Services of payments: start them at providers, apply the providers' reports, probe payments, record people's
decisions about unknown outcomes, end payments whose expiry time has passed, change their orders, and read the data of
their screens."""
