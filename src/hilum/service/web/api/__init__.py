"""The API, version 1: a file a kind of thing, with a router."""
