"""Parts of a whole window: sidebar, bars, toasts, dialogs, the search box, and the layer that covers the content."""
