"""Values about the pages of stored documents: pages for display and printing, and differences between two
versions."""
