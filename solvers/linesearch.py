"""Line search as a state machine: each sample brackets its own step, one trial at a time.

The conditions are Armijo's and the weak one of Wolfe, found by bracketing (Lewis & Overton 2013,
algorithm 2.6): for a function continuous along the line and bounded below it ends for almost
every problem, smooth or not. Trial steps inside a bracket come from the cubic through both ends
(Nocedal & Wright 2006, eq. 3.59), safeguarded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

SAFEGUARD = 0.1  # a trial keeps this fraction of the bracket from both of its ends
SHRINK = 0.66  # a bracket that shrank less than this is bisected next (More & Thuente 1994)
GROWTH = (2.0, 10.0)  # bounds of the growth of a step that is still too short


@dataclass(frozen=True)
class Search:
    """One search per sample along h(t) = E(x + t p); every entry is (B,), float64 but ``trials``.

    ``low`` always satisfies Armijo's condition, ``high`` does not (infinite until one was found).
    """

    value: Tensor  # h(0)
    slope: Tensor  # h'(0)
    step: Tensor  # t of the trial to evaluate next
    low: Tensor
    value_low: Tensor
    slope_low: Tensor
    high: Tensor
    value_high: Tensor
    slope_high: Tensor
    width: Tensor  # of the previous bracket
    trials: Tensor  # int64, trials evaluated


def begin(value: Tensor, slope: Tensor, step: Tensor) -> Search:
    """Start a search from energies h(0), slopes h'(0) and first trial steps, all (B,)."""
    zero, infinite = torch.zeros_like(value), torch.full_like(value, torch.inf)
    return Search(
        value=value,
        slope=slope,
        step=step,
        low=zero,
        value_low=value,
        slope_low=slope,
        high=infinite,
        value_high=infinite,
        slope_high=zero,
        width=infinite,
        trials=torch.zeros_like(value, dtype=torch.int64),
    )


def choose(condition: Tensor, yes: Search, no: Search) -> Search:
    """Take each sample's search from ``yes`` where ``condition`` (B,) holds, else from ``no``."""
    return Search(**{k: torch.where(condition, v, getattr(no, k)) for k, v in vars(yes).items()})


def advance(
    search: Search,
    value: Tensor,
    slope: Tensor,
    *,
    armijo: float,
    wolfe: float,
    resolution: float,
    max_trials: int,
) -> tuple[Search, Tensor, Tensor]:
    """Judge the trials and set the next ones.

    Parameters
    ----------
    search : Search
    value, slope : Tensor (B,) float64
        h(t) and h'(t) at ``search.step``. A trial that is not finite counts as too long.
    armijo, wolfe : float
        0 < armijo < wolfe < 1 in h(t) < h(0) + armijo t h'(0) and h'(t) >= wolfe h'(0).
    resolution : float
        Relative rounding of h. A decrease below it is judged by the slopes alone: Armijo's
        condition becomes h'(t) <= (2 armijo - 1) h'(0) and h(t) <= h(0) + resolution |h(0)|
        (the approximate Wolfe conditions of Hager & Zhang 2005): noise would end the search early.
    max_trials : int
        After so many trials a step with Armijo's condition alone is taken, the longest found.

    Returns
    -------
    search : Search
        With the next trial step where the search goes on.
    accepted : Tensor (B,) bool
    exhausted : Tensor (B,) bool
        No acceptable step was found.
    """
    step = search.step
    finite = torch.isfinite(value) & torch.isfinite(slope)
    decreased = finite & (value < search.value + armijo * step * search.slope)
    flat = slope >= wolfe * search.slope
    level = finite & (value <= search.value + resolution * search.value.abs())
    decreased |= level & flat & (slope <= (2 * armijo - 1) * search.slope)
    trials = search.trials + 1
    last = trials >= max_trials
    accepted = decreased & (flat | last)

    short = decreased & ~flat
    moved = replace(
        search,
        low=torch.where(short, step, search.low),
        value_low=torch.where(short, value, search.value_low),
        slope_low=torch.where(short, slope, search.slope_low),
        high=torch.where(decreased, search.high, step),
        value_high=torch.where(decreased, search.value_high, value),
        slope_high=torch.where(decreased, search.slope_high, slope),
        trials=trials,
    )
    bracketed = torch.isfinite(moved.high)
    proposal = torch.where(bracketed, _inside(moved), _beyond(search, step, slope))
    moved = replace(
        moved,
        width=moved.high - moved.low,
        # At the end of its patience a search goes back to the best step known, if there is one.
        step=torch.where(last, moved.low, proposal),
    )
    exhausted = last & ~accepted & ((moved.low <= 0) | (trials > max_trials))
    return moved, accepted, exhausted


def _inside(search: Search) -> Tensor:
    """Next trial within the bracket: cubic, else its middle, or a tenth after a non-finite end."""
    low, high, width = search.low, search.high, search.high - search.low
    middle = low + 0.5 * width
    d1 = search.slope_low + search.slope_high + 3 * (search.value_low - search.value_high) / width
    d2 = torch.sqrt(d1 * d1 - search.slope_low * search.slope_high)
    cubic = high - width * (search.slope_high + d2 - d1) / (
        search.slope_high - search.slope_low + 2 * d2
    )
    cubic = torch.clamp(cubic, low + SAFEGUARD * width, high - SAFEGUARD * width)
    good = torch.isfinite(cubic) & (width <= SHRINK * search.width)
    seen = torch.isfinite(search.value_high) & torch.isfinite(search.slope_high)
    return torch.where(seen, torch.where(good, cubic, middle), low + SAFEGUARD * width)


def _beyond(search: Search, step: Tensor, slope: Tensor) -> Tensor:
    """Longer trial: where the slope's secant through the last two points vanishes, bounded."""
    secant = step + (step - search.low) * slope / (search.slope_low - slope)
    shortest, longest = GROWTH[0] * step, GROWTH[1] * step
    rising = slope > search.slope_low
    return torch.where(rising, torch.clamp(secant, shortest, longest), longest)
