"""Clusters made of components, as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.report.document import Document, Grid, Section, count, plural
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.clusters.cores import DensityMerging
    from mixtura.clusters.entropy import EntropyMerging

SHOWN_SHARE = 0.005
"""Shares of a component in a cluster below this are not shown."""


def entropy_document(merging: EntropyMerging, n_clusters: int | None = None) -> Document:
    """The path of merges with its entropies, the entropy plot in numbers; n_clusters as suggested where not given."""
    n_components = merging.mixture.n_components
    chosen = merging.suggested if n_clusters is None else n_clusters
    rows = [
        (str(row["n_clusters"]), f"{row['entropy']:.3f}", f"{row['drop']:.3f}" if row["merged"] else "", row["merged"])
        for row in merging.table.rows()
    ]
    grid = Grid.of(("clusters", "entropy", "drop", "merged"), rows, left=0, marked=[n_components - chosen])
    headline = f"{plural(n_components, 'component')} in {plural(chosen, 'cluster')}"
    if n_clusters is None:
        elbow = "as the elbow of the entropy plot suggests" if n_components > 2 else "too few for an elbow"
        headline += f", {elbow}"
    note = "entropy: of the assignment of rows to clusters, nats. drop: what the merge took away."
    shares = np.eye(chosen)[merging.groups(chosen)]
    return Document(headline, (Section("", (grid, note)), Section("", (_members(merging.mixture, shares),))))


def density_document(merging: DensityMerging) -> Document:
    """The clusters with their rows, and the components that each is made of."""
    rows = [
        (str(row["cluster"]), count(row["rows"]), count(row["core_rows"]), *_log_pair(row))
        for row in merging.table.rows()
    ]
    grid = Grid.of(("cluster", "rows", "in its core", "log-peak", "log-saddle"), rows, left=0)
    headline = (
        f"{plural(merging.mixture.n_components, 'component')} on {plural(merging.n_clusters, 'hill')} of the density: "
        f"{plural(merging.n_clusters, 'cluster')}"
    )
    note = "log-peak and log-saddle: log-density at the top and at the highest pass to another hill, nats."
    return Document(headline, (Section("", (grid, note)), Section("", (_members(merging.mixture, merging.shares),))))


def _log_pair(row: dict[str, Any]) -> tuple[str, str]:
    saddle = row["log_saddle"]
    return f"{row['log_peak']:.3f}", f"{saddle:.3f}" if np.isfinite(saddle) else "—"


def _members(mixture: Mixture[Any], shares: Array) -> Grid:
    """Which components make up each cluster; shares of components that are in several."""
    rows = []
    for g, column in enumerate(shares.T):
        names = [
            mixture.component_name(k) + ("" if share > 1 - SHOWN_SHARE else f" ({share:.0%})")
            for k, share in enumerate(column.tolist())
            if share > SHOWN_SHARE
        ]
        rows.append((str(g), ", ".join(names)))
    return Grid.of(("cluster", "components"), rows, left=2)
