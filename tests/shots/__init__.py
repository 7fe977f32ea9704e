"""Pictures of every screen and dialog: `make shots`."""
