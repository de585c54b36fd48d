"""Peers that mixtura is measured beside, one file each."""

from __future__ import annotations

from collections.abc import Sequence

from peers.base import Peer, Run
from peers.mclust import Mclust
from peers.onedal import OneDal
from peers.own import Own, OwnOneThread
from peers.pomegranate_torch import Pomegranate
from peers.scikit_learn import ScikitLearn
from peers.tgmm_torch import Tgmm

ALL: tuple[type[Peer], ...] = (Own, OwnOneThread, ScikitLearn, OneDal, Tgmm, Pomegranate, Mclust)
OURS = (Own.name, OwnOneThread.name)

__all__ = ["ALL", "OURS", "Peer", "Run", "choose"]


def choose(names: Sequence[str] | None) -> tuple[list[Peer], dict[str, str]]:
    """The peers asked for that are here, and why each of the others is missing. mixtura always takes part."""
    wanted = [kind() for kind in ALL if names is None or kind.name in (*names, *OURS)]
    reasons = {peer.name: peer.missing() for peer in wanted}
    return [p for p in wanted if not reasons[p.name]], {name: why for name, why in reasons.items() if why}
