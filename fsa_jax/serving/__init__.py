"""Students behind HTTP: batches of what waits, an API, and a page to try them on."""
