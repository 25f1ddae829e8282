"""Controls that share the spectrum of the real fields and nothing else.

A statistic that cannot tell them from real fields sees no more than the spectrum. Open fields are
first made periodic as they are for a fit (`periodisation`), because the jump across the
border would otherwise put a cross into the spectrum of the control.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.estimation.periodisation import Periodisation


def gaussian(fields: Tensor, n: int, periodic: bool, seed: int) -> Tensor:
    """Gaussian fields with the mean cross-spectra of `fields`.

    Parameters
    ----------
    fields
        (m, channel, *space), the real fields.
    n
        Number of fields to draw.
    periodic
        Whether `fields` are periodic; the result is periodic in any case.
    seed
        Field i depends on `seed` and i alone.

    Returns
    -------
    Tensor
        (n, channel, *space). Its cross-spectra are the mean over `fields` of the periodograms
        x^_a conj(x^_b), in expectation; of open fields, once they are periodic.
    """
    space = tuple(range(2, fields.ndim))
    x = fields if periodic else _closed(fields)
    mean = x.mean((0, *space), keepdim=True)
    spectra = torch.fft.rfftn(x - mean, dim=space, norm="forward").flatten(2)
    matrix = torch.einsum("nak,nbk->kab", spectra, spectra.conj()) / len(spectra)
    energy, directions = torch.linalg.eigh(matrix)
    root = directions * energy.clamp(min=0).sqrt()[:, None, :]
    drawn = [_coloured(root, fields.shape[1:], seed, i) for i in range(n)]
    return torch.stack(drawn) + mean


def _coloured(root: Tensor, shape: torch.Size, seed: int, index: int) -> Tensor:
    noise = torch.randn(shape, generator=_generator(seed, index))
    space = tuple(range(1, len(shape)))
    white = torch.fft.rfftn(noise, dim=space, norm="ortho")
    half = white.shape[1:]
    coloured = torch.einsum("kab,bk->ak", root, white.flatten(1)).reshape(-1, *half)
    return torch.fft.irfftn(coloured, s=tuple(shape[1:]), dim=space, norm="forward")


def phase_randomised(fields: Tensor, periodic: bool, seed: int) -> Tensor:
    """Each field with the phases of a white noise added to its own: same periodogram.

    All channels of a field get the same phases, which keeps their cross-spectra. Open fields are
    made periodic first.
    """
    space = tuple(range(2, fields.ndim))
    x = fields if periodic else _closed(fields)
    spectra = torch.fft.rfftn(x, dim=space, norm="forward")
    noise = torch.stack(
        [torch.randn(x.shape[2:], generator=_generator(seed, i)) for i in range(len(x))]
    )
    phases = torch.fft.rfftn(noise[:, None], dim=space)
    phases = phases / phases.abs().clamp(min=1e-30)
    phases.flatten(2)[..., 0] = 1.0  # the mean stays
    return torch.fft.irfftn(spectra * phases, s=x.shape[2:], dim=space, norm="forward")


def _closed(fields: Tensor) -> Tensor:
    """Open fields made periodic with the power of their process."""
    mean = fields.mean((0, *range(2, fields.ndim)), keepdim=True)
    return Periodisation([fields - mean])(fields - mean) + mean


def _generator(seed: int, index: int) -> torch.Generator:
    """A stream of its own for each field."""
    return torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
