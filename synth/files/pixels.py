"""Statistics of pixel values, gathered block by block so that a field need never be in memory."""

from __future__ import annotations

import math

import numpy as np

# Pixels taken at once: their powers in float64 stay in the cache.
PIECE = 2**16


class PixelStatistics:
    """Count, extremes and central moments to order 4 of each channel, in one pass.

    Blocks are merged by the pairwise formulas of Pebay (2008, SAND2008-6212, eqs 2.1 and 3.1):
    sums are taken about each block's own mean in float64, so a large offset costs no digits.

    Attributes
    ----------
    count, missing : ndarray of int, (channel,)
        Valid pixels, and pixels left out by the mask.
    minimum, maximum, mean : ndarray, (channel,)
    """

    def __init__(self, n_channels: int) -> None:
        self.count = np.zeros(n_channels, np.int64)
        self.missing = np.zeros(n_channels, np.int64)
        self.minimum = np.full(n_channels, np.inf)
        self.maximum = np.full(n_channels, -np.inf)
        self.mean = np.zeros(n_channels)
        self._sums = np.zeros((5, n_channels))  # row p: sum of (x - mean)^p, rows 2 to 4 used

    def update(self, values: np.ndarray, mask: np.ndarray | None = None) -> None:
        """Add a block (sample, channel, *space); `mask` is true where a pixel counts."""
        for channel in range(values.shape[1]):
            pixels = values[:, channel]
            if mask is not None:
                pixels = pixels[np.broadcast_to(mask[:, 0], pixels.shape)]
            self.missing[channel] += values[:, channel].size - pixels.size
            flat = pixels.ravel()
            for start in range(0, flat.size, PIECE):
                self._merge(channel, flat[start : start + PIECE].astype(np.float64))

    def _merge(self, channel: int, pixels: np.ndarray) -> None:
        self.minimum[channel] = min(self.minimum[channel], pixels.min())
        self.maximum[channel] = max(self.maximum[channel], pixels.max())
        a, b = int(self.count[channel]), pixels.size
        # The mean of a shift from the first value: exact for a constant block.
        mean = pixels[0] + (pixels - pixels[0]).mean()
        away = pixels - mean
        square = away * away
        b2, b3, b4 = square.sum(), (square * away).sum(), (square * square).sum()
        a2, a3, a4 = self._sums[2:, channel]
        n, delta = a + b, mean - self.mean[channel] if a else 0.0
        step = delta / n
        self._sums[4, channel] = (
            a4
            + b4
            + a * b * (a * a - a * b + b * b) * delta * step**3
            + 6 * step**2 * (a * a * b2 + b * b * a2)
            + 4 * step * (a * b3 - b * a3)
        )
        self._sums[3, channel] = (
            a3 + b3 + a * b * (a - b) * delta * step**2 + 3 * step * (a * b2 - b * a2)
        )
        self._sums[2, channel] = a2 + b2 + a * b * delta * step
        self.mean[channel] = self.mean[channel] + b * step if a else mean
        self.count[channel] = n

    @property
    def std(self) -> np.ndarray:
        """Root of the mean squared deviation, (channel,)."""
        return np.sqrt(self._sums[2] / np.maximum(self.count, 1))

    @property
    def skewness(self) -> np.ndarray:
        """m3 / m2^(3/2), (channel,); nan for a constant channel."""
        return self._standardised(3)

    @property
    def kurtosis(self) -> np.ndarray:
        """m4 / m2^2, 3 for a Gaussian, (channel,); nan for a constant channel."""
        return self._standardised(4)

    def _standardised(self, order: int) -> np.ndarray:
        n = np.maximum(self.count, 1)
        scale = self.std
        scale = np.where(scale > 0, scale, math.nan)
        return self._sums[order] / n / scale**order
