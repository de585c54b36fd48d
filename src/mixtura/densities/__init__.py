"""A mixture as a density: probabilities, quantiles, regions, modes, entropy, distances, reduction."""
