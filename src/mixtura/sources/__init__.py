"""Where rows come from: one file a kind of source, all behind the contract in `base`."""

from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Chunk, Coordinates, Source
from mixtura.sources.open import as_source, by_columns

__all__ = ["ArraySource", "Chunk", "Coordinates", "Source", "as_source", "by_columns"]
