"""Learning from pictures without labels: VICReg on two augmented views, before the labels.

Why this of all methods: it needs no bank of other pictures, no large batch and no second network,
for a term of its loss keeps pictures apart. So it fits small batches on a processor, and the same
term says at each epoch whether the embeddings have collapsed.
"""
