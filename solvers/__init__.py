"""Minimisers for energies that are separable over a batch of fields.

>>> result = minimise(energy, start, LBFGS(history=20), max_steps=500, tolerance=1e-4)
"""

from solvers.driver import Progress, minimise
from solvers.lbfgs import LBFGS
from solvers.outcome import Result, Status
from solvers.patience import Patience

__all__ = ["LBFGS", "Patience", "Progress", "Result", "Status", "minimise"]
