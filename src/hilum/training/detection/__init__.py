"""Detection as a task of training: boxes beside pictures, losses, numbers, thresholds, the card.

The loop is that of every other task (:mod:`hilum.training.loop`).
"""
