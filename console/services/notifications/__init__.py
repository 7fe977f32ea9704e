"""The service that finds the events of which the acting person is notified."""
