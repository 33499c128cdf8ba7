"""Pages: a file each, with a router."""
