"""The process ``read``: takes what waits, and keeps what is said of it."""
