"""Payments: start them at providers, apply providers' reports, probe, decide unknown outcomes, end payments whose
expiry time has passed, change their orders, and read the data of their screens."""
