"""How the bundle ``lungs`` is made: examples, teacher, rounds of relabelling, measurement."""
