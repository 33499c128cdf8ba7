"""Python client of the server."""
