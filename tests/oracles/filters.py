"""Wavelets straight from their formulas, one frequency after the other's aliases, in numpy
float64."""

from __future__ import annotations

import itertools
import math

import numpy as np

XI = 0.85 * math.pi
SIGMA_LOW = {"bump": 1 / (0.702 * 2**-0.55 * math.sqrt(2) * XI), "morlet": 0.8}
COSINE_POWER_3D = {3: 1, 4: 1, 6: 2, 10: 3, 15: 4}


def axes(dims: int, angles: int) -> np.ndarray:
    """Directions of the wavelets in the order of the space axes; 3-D sets are typed out."""
    if dims == 1:
        return np.array([[1.0]])
    if dims == 2:
        theta = np.pi * np.arange(angles) / angles
        return np.stack([np.sin(theta), np.cos(theta)], 1)
    g = (1 + math.sqrt(5)) / 2
    sets = {
        3: [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
        4: [(1, 1, 1), (1, -1, 1), (-1, 1, 1), (-1, -1, 1)],
        6: [(g, 0, 1), (1, g, 0), (0, 1, g), (0, -1, g), (-1, g, 0), (-g, 0, 1)],
    }
    points = np.array(sets[angles], dtype=float)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def aliases(shape: tuple[int, ...], reach: int = 2):
    """The frequencies w + 2 pi m of the full grid, (dims, *shape), for all |m_i| <= reach."""
    w = np.stack(np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij"))
    for fold in itertools.product(range(-reach, reach + 1), repeat=len(shape)):
        yield w + 2 * np.pi * np.array(fold).reshape(-1, *[1] * len(shape))


def _profile(r: np.ndarray | float) -> np.ndarray:
    r = np.asarray(r, dtype=float)
    value, support = np.zeros(r.shape), (r > 0) & (r < 2 * XI)
    q = (r[support] - XI) ** 2
    value[support] = np.exp(-q / (XI**2 - q))
    return value


def bump(shape: tuple[int, ...], j: int, axis: np.ndarray, angles: int) -> np.ndarray:
    """Bump-steerable wavelet (Zhang & Mallat 2021), summed over aliases."""
    dims = len(shape)
    if dims == 1:
        power, c = 0, 1 / 1.29
    elif dims == 2:
        power = angles - 1
        c = 2**power * math.factorial(power) / math.sqrt(angles * math.factorial(2 * power)) / 1.29
    else:
        power = COSINE_POWER_3D[angles]
        c = math.sqrt((2 * power + 1) / angles) / 1.29
    total = np.zeros(shape)
    for w in aliases(shape):
        norm = np.sqrt((w**2).sum(0))
        value = c * _profile(2**j * norm)
        if dims == 3 and j == 0:  # the corners of the cube keep the value at sqrt(2) pi
            corner = (np.abs(w).max(0) < np.pi + 1e-6) & (norm > math.sqrt(2) * np.pi)
            copies = 2 ** (np.abs(np.abs(w) - np.pi) < 1e-6).sum(0)  # aliases share the energy
            value += corner * (c * _profile(math.sqrt(2) * np.pi) - value) / np.sqrt(copies)
        cosine = np.tensordot(axis, w, 1) / np.maximum(norm, 1e-300)
        total += np.where(cosine > 1e-10, value * np.maximum(cosine, 0) ** power, 0)
    return total


def gaussian(shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Low pass exp(-sigma^2 |w|^2 / 2), summed over aliases, 1 at w = 0."""
    total = sum(np.exp(-0.5 * sigma**2 * (w**2).sum(0)) for w in aliases(shape))
    return total / total.flat[0]


def morlet_in_space(shape: tuple[int, ...], j: int, axis: np.ndarray, angles: int) -> np.ndarray:
    """Morlet wavelet of kymatio's parameters, sampled in space and summed over periodic images.

    psi(u) = s / (2 pi sigma^2) exp(-(u_par^2 + s^2 u_perp^2) / (2 sigma^2)) (exp(i xi u_par) - K).
    """
    dims = len(shape)
    slant = 4 / angles if dims == 2 else 1.0
    sigma, xi = 0.8 * 2**j, 0.75 * np.pi / 2**j
    u = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"))
    envelope, wave = np.zeros(shape), np.zeros(shape, complex)
    images = math.ceil(9 * sigma / slant / min(shape)) + 1
    for fold in itertools.product(range(-images, images + 1), repeat=dims):
        v = u + (np.array(fold) * np.array(shape)).reshape(-1, *[1] * dims)
        along = np.tensordot(axis, v, 1)
        across = (v**2).sum(0) - along**2
        g = np.exp(-(along**2 + slant**2 * across) / (2 * sigma**2))
        envelope += g
        wave += g * np.exp(1j * xi * along)
    norm = slant ** (dims - 1) / (2 * np.pi * sigma**2) ** (dims / 2)
    return norm * (wave - wave.sum() / envelope.sum() * envelope)


def morlet(shape: tuple[int, ...], j: int, axis: np.ndarray, angles: int) -> np.ndarray:
    """The same in Fourier, where it is real."""
    return np.fft.fftn(morlet_in_space(shape, j, axis, angles)).real


WAVELETS = {"bump": bump, "morlet": morlet}
