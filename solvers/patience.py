"""When a descent has become too slow to be worth its steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Patience:
    """A sample has stalled when its energy fell by less than the share ``gain`` in ``steps``.

    The energy is looked at every so many steps of the sample, and compared with the last look.

    Parameters
    ----------
    steps : int
    gain : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    steps: int
    gain: float

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 < self.gain < 1:
            raise ValueError(
                "Patience takes 1 or more steps and a gain between 0 and 1, got "
                f"{self.steps} and {self.gain}."
            )

    def judge(
        self, value: Tensor, steps: Tensor, mark: Tensor, marked: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Which samples have stalled, and the energy and step of each one's last look, (n,) each.

        Before the first look the energy is infinite and the step 0.
        """
        due = steps - marked >= self.steps
        stalled = due & (value > (1 - self.gain) * mark)
        return stalled, torch.where(due, value, mark), torch.where(due, steps, marked)
