"""A torch network → the graph of a bundle, with parity."""
