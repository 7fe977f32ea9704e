"""Parts that all pages of a window share: context, routes, request ids and worker threads."""
