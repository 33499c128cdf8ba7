"""Learning to draw: pictures and masks → a network with maps."""
