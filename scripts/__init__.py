"""House tools: what `make` calls besides the well-known ones."""
