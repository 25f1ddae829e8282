"""Gaps: missing pixels are replaced by what a Gaussian field of the same spectrum could hold there.

A constrained realization (Hoffman & Ribak 1991, ApJ 380, L5) keeps every measured pixel and
continues the field into the gaps with the right covariance, so that no edge of a gap is taken for a
structure. Moments of order two are unbiased by it; all others are pulled towards their Gaussian
values in proportion to the missing area, which :class:`Correction` undoes to first order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from moments import MomentFamily
from synth import spectra, surrogates
from synth.errors import InputError
from synth.field import Field

#: Least share of valid pixels of a field.
LEAST_VALID = 0.5
#: Rounds of measuring the spectrum on the filled field and filling again.
ROUNDS = 3
#: Gaussian fields whose moments the correction takes away.
SURROGATES = 32
CG_STEPS = 300
CG_TOLERANCE = 1e-5
#: Least power relative to the largest, which bounds the condition number of the solve.
FLOOR = 1e-10


def fill(x: Tensor, valid: Tensor, seed: int) -> Tensor:
    """Fields whose gaps hold a constrained Gaussian realization.

    Parameters
    ----------
    x : Tensor, (n, channel, *space)
        Standardised fields; what the gaps hold is ignored.
    valid : Tensor of bool, (n or 1, 1, *space)
    seed : int
        Of the realization.

    Returns
    -------
    Tensor, (n, channel, *space)

    Raises
    ------
    InputError
        If fewer than half of the pixels of a field are valid.
    """
    share = valid.double().flatten(1).mean(1)
    if float(share.min()) < LEAST_VALID:
        raise InputError(
            f"Only {float(share.min()):.0%} of the pixels of a field are valid; moments need at "
            f"least {LEAST_VALID:.0%}: crop the field to where it was measured."
        )
    space = tuple(range(2, x.ndim))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()
    known = torch.where(valid, x.double(), 0.0)
    filled = known / share.reshape(-1, *[1] * (x.ndim - 1)).sqrt()
    for _ in range(ROUNDS):
        power = _power(filled)
        drawn = torch.fft.fftn(noise, dim=space, norm="ortho") * power.sqrt()
        drawn = torch.fft.ifftn(drawn, dim=space, norm="ortho").real
        mean = known.sum(space, keepdim=True) / valid.sum(space, keepdim=True)
        rest = torch.where(valid, x - mean - drawn, 0.0)
        filled = drawn + mean + _continue(rest, valid, power, space)
        filled = torch.where(valid, x, filled)
    return filled.to(x.dtype)


class Correction:
    r"""Moments without the share that comes from the Gaussian filling.

    With a share f of the area filled, :math:`\Phi = (1-f)\,\Phi_{field} + f\,\Phi_{Gauss}` to first
    order, the latter being the mean over Gaussian surrogates of the filled field.

    Parameters
    ----------
    op : MomentFamily
    filled : Tensor, (1, channel, *space)
    share : float
        f; with 0 moments stay as they are.
    """

    def __init__(self, op: MomentFamily, filled: Tensor, share: float) -> None:
        self.weight = share / (1 - share)
        if share:
            drawn = surrogates.gaussian(filled.cpu(), SURROGATES, True, seed=0)
            self.gaussian = torch.cat([op(one[None].to(filled)) for one in drawn]).mean(0)

    def __call__(self, values: Tensor) -> Tensor:
        """Corrected moments, (n, M)."""
        return values + self.weight * (values - self.gaussian) if self.weight else values


def masks(field: Field) -> Iterator[Tensor]:
    """Valid pixels of each realization, or of all where they share them, (1, 1, *space) bool."""
    for number in range(0 if field.mask is None else field.mask.shape[0]):
        yield torch.from_numpy(np.asarray(field.mask[number : number + 1]))


def missing_share(field: Field) -> float:
    """Share of the pixels that are gaps, over all realizations."""
    shares = [1 - float(valid.double().mean()) for valid in masks(field)]
    return sum(shares) / len(shares) if shares else 0.0


def lost_share(valid: Tensor, scales: int) -> np.ndarray:
    """Share of the area within 2^j pixels of a gap, for each scale j, (scales,)."""
    dims = valid.ndim - 2
    pool = {1: torch.nn.functional.max_pool1d, 2: torch.nn.functional.max_pool2d,
            3: torch.nn.functional.max_pool3d}[dims]  # fmt: skip
    reached = (~valid).float()
    lost = []
    for j in range(scales):
        reach = 1 if j == 0 else 2 ** (j - 1)
        width = 2 * reach + 1
        padded = torch.nn.functional.pad(reached, [reach] * 2 * dims, mode="circular")
        reached = pool(padded, width, stride=1)
        lost.append(float(reached.mean()))
    return np.array(lost)


def _power(x: Tensor) -> Tensor:
    """Power spectrum of each channel, averaged over fields and shells, (1, channel, *space)."""
    shape = x.shape[2:]
    cross = spectra.measure(x)
    radius = spectra.radial_frequency(shape).numpy()
    rows = [np.interp(radius, spectra.centres(shape), cross[:, c, c]) for c in range(x.shape[1])]
    power = torch.from_numpy(np.stack(rows))[None]
    return power.clamp(min=FLOOR * float(power.max()))


def _continue(known: Tensor, valid: Tensor, power: Tensor, space: tuple[int, ...]) -> Tensor:
    """Conditional mean in the gaps: the least w C^-1 w that agrees with ``known`` where valid.

    Conjugate gradients on the values in the gaps; C is diagonal in Fourier.
    """
    gap = ~valid

    def apply(w: Tensor) -> Tensor:
        spectrum = torch.fft.fftn(w, dim=space, norm="ortho") / power
        return torch.where(gap, torch.fft.ifftn(spectrum, dim=space, norm="ortho").real, 0.0)

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((1, *space), keepdim=True)

    w = torch.zeros_like(known)
    residual = -apply(known)
    direction = residual.clone()
    size = dot(residual, residual)
    start = size.clamp(min=1e-30)
    for _ in range(CG_STEPS):
        turned = apply(direction)
        step = size / dot(direction, turned).clamp(min=1e-30)
        w = w + step * direction
        residual = residual - step * turned
        new = dot(residual, residual)
        if float((new / start).max()) < CG_TOLERANCE**2:
            break
        direction, size = residual + (new / size.clamp(min=1e-30)) * direction, new
    return known + w
