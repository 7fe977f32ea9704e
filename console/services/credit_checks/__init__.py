"""Credit checks: authorisation at the provider, purchases, outcomes, probes, decisions of people, re-fetches of
detail and PDF, and the data of the screen of a credit check."""
