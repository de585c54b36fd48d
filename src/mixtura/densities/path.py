"""A path of merges: from one cluster a component to a single cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.errors import ParameterError
from mixtura.validation import Labels


@dataclass(frozen=True, slots=True)
class MergePath:
    """Which clusters were merged, in order.

    Attributes
    ----------
    n_components : clusters at the start: one a component
    merges : pairs (a, b), a < b, of clusters named by the smallest component in them; b joins a
    """

    n_components: int
    merges: tuple[tuple[int, int], ...]

    def groups(self, n_clusters: int) -> Labels:
        """(n_components,): the cluster of each component when n_clusters are left, counted by smallest component."""
        fewest = self.n_components - len(self.merges)
        if not fewest <= n_clusters <= self.n_components:
            raise ParameterError(
                f"n_clusters is {n_clusters!r}; the path has {fewest} to {self.n_components} clusters."
            )
        name = np.arange(self.n_components)
        for a, b in self.merges[: self.n_components - n_clusters]:
            name[name == b] = a
        groups: Labels = np.unique(name, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return groups

    def names(self) -> list[str]:
        """What each merge joined, such as "0+3, 1": components of one cluster by +."""
        members = {k: [k] for k in range(self.n_components)}
        texts = []
        for a, b in self.merges:
            texts.append(", ".join("+".join(map(str, members[c])) for c in (a, b)))
            members[a] = sorted(members[a] + members.pop(b))
        return texts
