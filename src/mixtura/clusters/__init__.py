"""Clusters from components: merging, directions that show the groups, and comparison of partitions."""
