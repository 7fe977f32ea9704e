"""Links such as `support-console:record/payment/5` in the window. This package receives links from other
processes, and finds the page of a link and the link of a page."""
