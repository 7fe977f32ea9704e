"""The service that lists the events about which the acting person is notified."""
