"""How numbers of any type become floats without losing what matters."""

from __future__ import annotations

import numpy as np

from synth.errors import InputError

# Float32 resolves 2^-24 of the largest value: enough while that is below 1e-3 of the spread.
FINEST = 1e-3
SMALLEST, LARGEST = 1e-30, 1e37


def float_type(dtype: np.dtype) -> np.dtype:
    """The float type that holds `dtype` exactly: float32 up to 16-bit integers, else float64.

    Raises
    ------
    InputError
        The type is not a real number.
    """
    if dtype.kind == "c":
        raise InputError(
            f"The values are complex ({dtype}), but a field is real; "
            "store the real and imaginary parts as two channels."
        )
    if dtype.kind not in "fiub":
        raise InputError(f"The values are of type {dtype}, not numbers.")
    wide = dtype.itemsize > (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float64 if wide else np.float32)


def as_floats(array: np.ndarray) -> np.ndarray:
    """The array as float32 or float64 in native byte order, exact."""
    return array.astype(float_type(array.dtype), copy=False)


def digits_lost(peak: float, spread: float) -> bool:
    """Whether float32 is too coarse for values up to `peak` that vary by `spread`."""
    if peak == 0 or spread == 0:
        return False
    return peak * 2.0**-24 > FINEST * spread or spread < SMALLEST or peak > LARGEST


def narrow(array: np.ndarray) -> np.ndarray:
    """Float32 where that keeps the digits of every channel, the array unchanged elsewhere."""
    if array.dtype == np.float32 or not array.size:
        return array
    for channel in np.moveaxis(array, 1, 0):
        shifted = channel - channel.flat[0]
        if digits_lost(float(np.abs(channel).max()), float(shifted.std())):
            return array
    return array.astype(np.float32)


def close_gaps(
    values: np.ndarray, mask: np.ndarray | None, fill: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Fill what is NaN or masked, and widen the mask by it.

    Parameters
    ----------
    values : ndarray, (sample, channel, *space)
    mask : ndarray of bool, (sample or 1, 1, *space), or None
        True where valid. A pixel is a gap where any of its channels is NaN.
    fill : ndarray, (channel,), optional
        What gaps hold; default the mean of the valid pixels of each channel.

    Returns
    -------
    values, mask
        The very same values and None where there is no gap.

    Raises
    ------
    InputError
        A valid value is infinite, or no pixel is valid.
    """
    finite = np.isfinite(values)
    if finite.all() and (mask is None or mask.all()):
        return values, None
    valid = ~np.isnan(values).any(1, keepdims=True)
    if mask is not None:
        mask = mask if mask.shape[0] == 1 and valid.all() else valid & mask
    else:
        mask = valid
    if not (finite | ~mask).all():
        raise InputError(
            "Some values are infinite; replace them with NaN to have them treated as gaps, "
            "or mask them with --mask DATASET."
        )
    if fill is None:
        channels = values.swapaxes(0, 1)
        if not mask.any():
            raise InputError("No pixel is valid: every value is NaN or masked.")
        fill = np.array(
            [c[np.broadcast_to(mask[:, 0], c.shape)].mean(dtype=float) for c in channels]
        )
    shaped = fill.astype(values.dtype).reshape(1, -1, *(1,) * (values.ndim - 2))
    return np.where(mask, values, shaped), np.asarray(mask)
