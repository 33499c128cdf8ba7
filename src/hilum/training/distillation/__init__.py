"""Several teachers distilled into one network: their probabilities mixed into its targets."""
