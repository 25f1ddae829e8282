"""Missing pixels drawn from a Gaussian field of the measured spectrum, given those around them.

A constrained realization (Hoffman & Ribak 1991, ApJ 380, L5) keeps every measured pixel and
continues the field into the gaps with the right covariance, so that no edge of a gap is taken for a
structure: x = g + E[x - g | measured], g a realization of the spectrum. Spectrum and filling are
found in turns, from the lesser of two first guesses of the spectrum: gaps that hold the mean break
smooth fields, and gaps that are smoothly interpolated add large scales to rough ones. A guess that
is too large is not mended by the turns that follow: its realizations are as rough as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synth.estimation import spectra

#: Rounds of measuring the spectrum on the filled field and filling again.
ROUNDS = 2
CG_STEPS = 200
#: Most rms error of a solution in the gaps, in units of the field's own deviation given all
#: other pixels.
CG_TOLERANCE = 0.2
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
    """
    space = tuple(range(2, x.ndim))
    white = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()
    white = torch.fft.rfftn(white, dim=space)
    pixels = valid.sum(space, keepdim=True)
    mean = torch.where(valid, x.double(), 0.0).sum(space, keepdim=True) / pixels
    known = torch.where(valid, x.double() - mean, 0.0)
    guess = _conditional_mean(known, ~valid, _membrane(x.shape[2:]))
    broken = _power(known) * (valid[0].numel() / pixels).mean()
    power = torch.minimum(broken, _power(torch.where(valid, known, guess)))
    for _ in range(ROUNDS):
        drawn = torch.fft.irfftn(white * power.sqrt(), s=x.shape[2:], dim=space)
        rest = torch.where(valid, known, guess) - drawn
        guess = drawn + _conditional_mean(rest, ~valid, power)
        power = _power(torch.where(valid, known, guess))
    return torch.where(valid, x, (guess + mean).to(x.dtype))


def _power(x: Tensor) -> Tensor:
    """Power spectrum of each channel, averaged over fields and shells, (1, channel, *half)."""
    shape = x.shape[2:]
    cross = spectra.measure(x)
    radius = spectra.radial_frequency(shape)[..., : shape[-1] // 2 + 1].numpy()
    rows = [np.interp(radius, spectra.centres(shape), cross[:, c, c]) for c in range(x.shape[1])]
    power = torch.from_numpy(np.stack(rows))[None]
    return power.clamp(min=FLOOR * float(power.max()))


def _membrane(shape: Sequence[int]) -> Tensor:
    """The spectrum of variance 1 and slope -2, (*half): its conditional mean interpolates."""
    power = spectra.radial_frequency(shape).clamp(min=2 * math.pi / max(shape)) ** -2
    return (power / power.mean())[..., : shape[-1] // 2 + 1]


def _conditional_mean(x: Tensor, gap: Tensor, power: Tensor) -> Tensor:
    """Fields that agree with x outside the gaps and minimise x C^-1 x; x in the gaps is a guess.

    Conjugate gradients on the values in the gaps. C is diagonal in Fourier, and its restriction to
    the gaps is the preconditioner.
    """
    space = tuple(range(2, x.ndim))

    def within(w: Tensor, filter: Tensor) -> Tensor:
        """The gaps' share of w convolved with a filter."""
        spectrum = torch.fft.rfftn(w, dim=space) * filter
        return torch.where(gap, torch.fft.irfftn(spectrum, s=w.shape[2:], dim=space), 0.0)

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(space, keepdim=True)

    inverse = 1 / power
    residual = -within(x, inverse)
    direction, before = torch.zeros_like(x), torch.ones_like(dot(x, x))
    # The residual in the norm of C bounds e C^-1 e, e the errors in the gaps.
    enough = CG_TOLERANCE**2 * gap.sum(space, keepdim=True)
    for step in range(CG_STEPS):
        better = within(residual, power)
        size = dot(residual, better)
        if bool((size <= enough).all()):
            break
        direction = better + (size / before if step else 0.0) * direction
        turned = within(direction, inverse)
        length = size / dot(direction, turned).clamp(min=1e-300)
        x = x + length * direction
        residual = residual - length * turned
        before = size.clamp(min=1e-300)
    return x
