"""What the bundle ``lungs`` learns from: drawn chests, and radiographs whose masks are proposed."""
