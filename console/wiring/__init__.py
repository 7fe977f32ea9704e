"""The modules of the composition root: they build the services and connect them with each other."""
