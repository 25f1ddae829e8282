"""Correlations at a few lags, read off a cross spectrum: a partial, separable Fourier sum."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from moments import grids, orientations


class Lags(nn.Module):
    r"""The sums :math:`C(\tau)=\sum_w S(w)\,e^{iw\cdot\tau}` for given lags.

    With S(w) = a^(w) conj(b^(w)) this is mean_u a(u + tau) b(u)^*.  The phases separate over axes,
    so the cost is that of one thin matrix product with the spectrum.

    Parameters
    ----------
    shape, grid : sequence of int
        The field's grid, which fixes the frequencies, and the grid that holds the spectrum.
    lags : ndarray of int, (T, dims)
        In pixels of the field.
    half : bool
        Whether the spectrum keeps ``k_last >= 0`` only; its weights are then the caller's.
    """

    def __init__(
        self, shape: Sequence[int], grid: Sequence[int], lags: np.ndarray, half: bool = False
    ) -> None:
        super().__init__()
        self.dims = len(grid)
        for axis, w in enumerate(grids.frequencies(shape, grid, half)):
            phase = torch.outer(w.reshape(-1), torch.as_tensor(lags[:, axis], dtype=torch.float64))
            pair = torch.stack([torch.cos(phase), torch.sin(phase)], dim=-1)
            if grid[axis] % 2 == 0:  # Nyquist stands for both signs, whichever of them is stored
                pair[grid[axis] // 2, :, 1] = 0.0
            self.register_buffer(f"phase_{axis}", pair, persistent=False)

    def tables(self) -> list[Tensor]:
        """exp(i w_a tau_a) along every axis a, (n, T) complex."""
        return [torch.view_as_complex(self.get_buffer(f"phase_{a}")) for a in range(self.dims)]

    def forward(self, spectrum: Tensor) -> Tensor:
        """C, (..., T) complex, of a real or complex spectrum S, (..., *grid)."""
        *others, last = self.tables()
        if spectrum.is_complex():
            sums = spectrum @ last
        else:
            pairs = spectrum @ torch.view_as_real(last).flatten(1)
            sums = torch.view_as_complex(pairs.unflatten(-1, (-1, 2)))
        for table in reversed(others):
            sums = (sums * table).sum(-2)
        return sums


def shells(
    shape: Sequence[int],
    j: int,
    count: int,
    angles: int,
    both_signs: bool,
    form: str = "rings",
) -> np.ndarray:
    r"""Lags of scale j: 0, then ``count`` shells of them, n = 1 .. count.

    ``"rings"``: ``round(2^j n direction)``; the directions are the orientations of the bank and,
    for few of them, the axes and diagonals: at least 4 on the half circle.  ``"square"``:
    ``2^j (n_1, n_2, ..)``, all integers up to ``count`` in size (Zhang & Mallat 2021, arXiv
    1911.10017).  Lags beyond an eighth of the side say little of a stationary field and are left
    out.

    Returns
    -------
    ndarray of int, (T, dims)
        First the zero lag; with ``both_signs`` each lag is followed by its opposite.

    Raises
    ------
    ValueError
        For a negative count or an unknown form.
    """
    if count < 0:
        raise ValueError(f"{count} shells of lags were asked for; 0 or more would work.")
    if form not in ("rings", "square"):
        raise ValueError(f"lags={form!r} was asked for; rings or square would work.")
    dims = len(shape)
    steps = _square(dims, count) if form == "square" else _rings(dims, count, angles)
    lags = [np.zeros(dims, dtype=int)]
    for step in steps:
        lag = np.round(2**j * step + 1e-9).astype(int)
        if (np.abs(lag) <= np.array(shape) // 8).all():
            lags += [lag, -lag] if both_signs else [lag]
    unique = list(dict.fromkeys(tuple(lag) for lag in lags))
    return np.array(unique, dtype=int).reshape(len(unique), dims)


def _rings(dims: int, count: int, angles: int) -> list[np.ndarray]:
    directions = {
        1: lambda: orientations.axes(1, 1),
        2: lambda: orientations.axes(2, max(angles, 4)),
        3: lambda: orientations.axes(3, 3),
    }[dims]()
    return [n * direction for n in range(1, count + 1) for direction in directions]


def _square(dims: int, count: int) -> list[np.ndarray]:
    """One of each pair of opposite points of the square."""
    points = itertools.product(range(-count, count + 1), repeat=dims)
    return [np.array(point) for point in points if point > (0,) * dims]
