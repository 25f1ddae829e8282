"""Which channels of a field are the components of a vector."""

from __future__ import annotations

from synth.field import Field

COMPONENTS = {"x": "x", "y": "y", "z": "z", "u": "x", "v": "y", "w": "z"}
VECTORS = ("velocity", "vel", "u", "magnetic_field", "b", "momentum", "displacement")


def vector_components(field: Field) -> tuple[int, ...]:
    """The axis along which each channel points, or () where the channels are not a vector.

    Channels such as u, v, w or vel_x, vel_y, vel_z point along the axes called x, y, z; so do the
    unnamed channels of a dataset called velocity, in this order.
    """
    if field.ndim < 2 or field.n_channels != field.ndim:
        return ()
    last = [name.lower()[-1:] for name in field.channels]
    letters = [COMPONENTS.get(letter, "") for letter in last]
    if sorted(letters) != ["x", "y", "z"][: field.ndim]:
        if field.name.lower() not in VECTORS:
            return ()
        letters = ["x", "y", "z"][: field.ndim]
    axes = [name.lower()[-1:] for name in field.dims]
    if sorted(axes) != sorted(letters):
        axes = ["x", "y", "z"][: field.ndim][::-1]
    return tuple(axes.index(letter) for letter in letters)
