"""Training of the embedded classifiers; needs numpy and scipy, which the product does not."""
