"""The colours of the report: Okabe & Ito's palette, told apart by all common colour vision."""

from __future__ import annotations

from collections.abc import Sequence

INK = "#1a1d21"
SOFT = "#8a9099"
GAUSSIAN = "#e69f00"
SYNTHETIC = ("#0072b2", "#cc79a7", "#009e73", "#d55e00", "#56b4e9")


def of_sets(names: Sequence[str]) -> dict[str, str]:
    """A colour for each set: ink for real, orange for the Gaussian control, grey for phases."""
    colours = {"real": INK, "gaussian": GAUSSIAN, "phase": SOFT}
    synthetic = [name for name in names if name not in colours]
    return colours | {n: SYNTHETIC[i % len(SYNTHETIC)] for i, n in enumerate(synthetic)}
