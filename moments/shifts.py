"""Correlations at a few lags, read off a cross spectrum: a partial, separable Fourier sum."""

from __future__ import annotations

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
        self.dims, self.count = len(grid), len(lags)
        for axis, w in enumerate(grids.frequencies(shape, grid, half)):
            phase = torch.outer(w.reshape(-1), torch.as_tensor(lags[:, axis], dtype=torch.float64))
            # The last axis is a matrix product with [cos, sin]; the others keep the pair on axis 0.
            pair = (torch.cos(phase), torch.sin(phase))
            if grid[axis] % 2 == 0:  # Nyquist stands for both signs, whichever of them is stored
                pair[1][grid[axis] // 2] = 0.0
            last = axis == self.dims - 1
            table = torch.cat(pair, dim=1) if last else torch.stack(pair)
            self.register_buffer(f"phase_{axis}", table, persistent=False)

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of C, (..., T) each, of a real spectrum S, (..., *grid)."""
        sums = spectrum @ self.get_buffer(f"phase_{self.dims - 1}")
        real, imaginary = sums.split(self.count, dim=-1)
        for axis in range(self.dims - 2, -1, -1):
            cosine, sine = self.get_buffer(f"phase_{axis}")
            real, imaginary = (
                (real * cosine - imaginary * sine).sum(-2),
                (real * sine + imaginary * cosine).sum(-2),
            )
        return real, imaginary


def shells(shape: Sequence[int], j: int, count: int, angles: int, both_signs: bool) -> np.ndarray:
    r"""Lags of scale j: 0, then ``count`` shells ``round(2^j n direction)``, n = 1 .. count.

    The directions are the orientations of the bank and, for few of them, the axes and diagonals:
    at least 4 on the half circle.  Lags beyond an eighth of the side say little of a stationary
    field and are left out.

    Returns
    -------
    ndarray of int, (T, dims)
        First the zero lag; with ``both_signs`` each lag is followed by its opposite.
    """
    if count < 0:
        raise ValueError(f"{count} shells of lags were asked for; 0 or more would work.")
    dims = len(shape)
    directions = {
        1: lambda: orientations.axes(1, 1),
        2: lambda: orientations.axes(2, max(angles, 4)),
        3: lambda: orientations.axes(3, 3),
    }[dims]()
    lags = [np.zeros(dims, dtype=int)]
    for n in range(1, count + 1):
        for direction in directions:
            lag = np.round(2**j * n * direction + 1e-9).astype(int)
            if (np.abs(lag) <= np.array(shape) // 8).all():
                lags += [lag, -lag] if both_signs else [lag]
    unique = list(dict.fromkeys(tuple(lag) for lag in lags))
    return np.array(unique, dtype=int).reshape(len(unique), dims)
