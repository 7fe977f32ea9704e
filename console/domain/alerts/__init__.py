"""Rules and events of alerts."""
