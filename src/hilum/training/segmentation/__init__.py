"""Segmentation as a task of training: masks beside pictures, their loss, their numbers, the card.

The loop is that of every other task (:mod:`hilum.training.loop`).
"""
