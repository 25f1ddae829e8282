"""Whether a field is periodic, from the jump across its border."""

from __future__ import annotations

import math

import numpy as np

from synth.field import Field

# Below this many border pixels the jump across the border is too uncertain to judge by.
FEWEST = 16
# Far differences must exceed near ones by this, in mean square, to tell the two cases apart.
CLEAR = 4.0
BYTES = 2**24


def detect_boundary(field: Field) -> tuple[str, str]:
    """Compare the jump across the border with the jumps inside.

    With D(h) = mean (x(u + h) - x(u))^2 along an axis of N pixels, the mean square jump B across
    the border is near D(1) for a periodic field and near D(N/2) for an open one. An axis counts
    as periodic where B < sqrt(D(1) D(N/2)), their geometric mean, and the field where all axes do.

    Parameters
    ----------
    field : Field
        Its first samples are used, up to 16 MiB; gaps are left out.

    Returns
    -------
    boundary : {"periodic", "open"}
        Open where the two cannot be told apart, because that assumes less.
    evidence : str
        The root mean square jumps of each axis, in words.
    """
    values, mask = next(field.masked_blocks(BYTES))
    values = values.astype(np.float64)
    for channel in values.swapaxes(0, 1):
        channel /= channel.std() or 1.0
    valid = None if mask is None else np.broadcast_to(mask, (len(values), 1, *field.shape))
    verdicts, words = [], []
    for axis, name in enumerate(field.dims, 2):
        size = values.shape[axis]
        near = _difference(values, valid, axis, slice(1, None), slice(None, -1))
        far = _difference(values, valid, axis, slice(size // 2, None), slice(None, -(size // 2)))
        border = _difference(values, valid, axis, slice(0, 1), slice(-1, None))
        if math.isnan(border) or values.size // size < FEWEST:
            verdicts.append("open")
            kind = "pixels" if valid is None else "valid pixels"
            words.append(f"too few {kind} on the border to tell along {name}")
        elif far == 0:
            verdicts.append("periodic")
            words.append(f"nothing varies along {name}")
        elif far < CLEAR * near:
            verdicts.append("open")
            words.append(f"too rough to tell along {name}")
        else:
            verdicts.append("periodic" if border < math.sqrt(near * far) else "open")
            words.append(
                f"along {name} the jump across it is {math.sqrt(border / near):.2g} times a step "
                f"inside (about 1 if periodic, {math.sqrt(far / near):.2g} if open)"
            )
    found = "periodic" if set(verdicts) == {"periodic"} else "open"
    return found, "; ".join(words)


def _difference(
    values: np.ndarray, valid: np.ndarray | None, axis: int, ahead: slice, behind: slice
) -> float:
    """Mean square difference of two parts along an axis, averaged over channels."""
    index = [slice(None)] * values.ndim
    index[axis] = ahead
    front = tuple(index)
    index[axis] = behind
    back = tuple(index)
    both = None if valid is None else valid[front][:, 0] & valid[back][:, 0]
    total = 0.0
    for channel in range(values.shape[1]):
        square = np.square(values[front][:, channel] - values[back][:, channel])
        square = square if both is None else square[both]
        total += float(square.mean()) if square.size else math.nan
    return total / values.shape[1]
