"""The page with the reports. Each report is a section of the page, shown as a chart or as a table."""
