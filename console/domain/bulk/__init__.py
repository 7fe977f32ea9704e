"""Values of bulk runs: one action on a fixed list of records."""
