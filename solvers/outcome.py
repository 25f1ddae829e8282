"""How a minimisation of one sample ended, and what the whole batch returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from torch import Tensor


class Status(Enum):
    """The end of one sample's minimisation; ``sentence`` says what happened and what helps."""

    converged = 1
    max_steps = 2
    line_search_failed = 3
    nonfinite = 4
    stalled = 5

    @property
    def sentence(self) -> str:
        """What happened, and the remedy."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.converged: "The energy reached its tolerance.",
    Status.max_steps: (
        "The limit of steps or evaluations came before the tolerance was reached. "
        "Allow more of them, or accept a larger tolerance."
    ),
    Status.line_search_failed: (
        "No step along the gradient lowers the energy any more: the sample is at a minimum, or at "
        "the resolution of its floating-point type. Accept the value reached, start from another "
        "field, or compute in float64; if it happened early, check the gradient."
    ),
    Status.nonfinite: (
        "The energy or its gradient is not finite at the start. "
        "Check the starting field for NaN, infinity and very large values."
    ),
    Status.stalled: (
        "The energy hardly falls any more. Accept the value reached, have more patience, or ask "
        "for less at once."
    ),
}


@dataclass(frozen=True)
class Result:
    """The samples where they ended, in the order in which they were given.

    Attributes
    ----------
    x : Tensor (B, *shape)
        The best iterate of each sample: the energy never rises along a path.
    values : Tensor (B,) float64
        Energy at ``x``.
    status : list of Status, length B
    steps : Tensor (B,) int64
        Accepted steps.
    evaluations : Tensor (B,) int64
        Energy evaluations, the start's included.
    """

    x: Tensor
    values: Tensor
    status: list[Status]
    steps: Tensor
    evaluations: Tensor
