"""Rules for the network addresses and URLs that the program may call."""
