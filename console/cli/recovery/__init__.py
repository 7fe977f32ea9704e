"""Commands for records whose outcome must be found out: queues, probe and resolve."""
