"""Our own history, by asv: the same few numbers for every commit. Run in benchmarks/: `asv run`, `asv publish`."""
