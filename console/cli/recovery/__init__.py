"""Commands about unfinished work: `queue`, `views …`, `probe`, `resolve`, `mentions …` and `unfinished`."""
