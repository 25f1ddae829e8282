"""Fixtures shared by all tests: real data, where it is present, and small fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from synth.field import Field

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real fields made by others, beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def vorticity() -> Field:
    """Six periodic 2-D vorticity fields, low-passed to 64x64 so that fits take a moment."""
    import numpy as np

    import synth
    from synth.field import Field

    full = synth.read(ROOT / "samples" / "vorticity_2d.h5").load()[:6]
    size, cut = full.shape[-1], 32
    spectrum = np.fft.fft2(full, norm="forward")
    keep = np.r_[0:cut, size - cut + 1 : size]  # drop the Nyquist of the small grid
    small = np.zeros((*full.shape[:2], 2 * cut, 2 * cut), complex)
    place = np.r_[0:cut, cut + 1 : 2 * cut]
    small[..., place[:, None], place] = spectrum[..., keep[:, None], keep]
    values = np.fft.ifft2(small, norm="forward").real.astype(np.float32)
    return Field.from_array(values, dims=("sample", "channel", "y", "x"), boundary="periodic")
