"""A model of architectures that tells what to ask for: Gaussian processes and ensembles over operators and places."""
