"""The doors: command line, web page, API and widget."""
