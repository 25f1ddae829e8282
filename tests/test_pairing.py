"""Fields of different size, boundary, units and number are compared sensibly or refused."""

from __future__ import annotations

import numpy as np
import pytest
from known_fields import gaussian_fields

from synth.errors import InputError
from synth.evaluation.pairing import pair
from synth.field import Field
from synth.vectors import vector_components


def field(n, shape, *, channels=1, seed=0, slope=-2.0, **settings):
    x = gaussian_fields(n, shape, slope, seed=seed, channels=channels).numpy()
    settings.setdefault("boundary", "periodic")
    return Field.from_array(5 + 2 * x, **settings)


def test_equal_fields_are_standardised_by_the_real_ones():
    pairing = pair(field(6, (32, 40)), [field(5, (32, 40), seed=1)])
    assert pairing.frame.periodic and not pairing.blocks and not pairing.notes
    assert pairing.real.mean().item() == pytest.approx(0, abs=1e-5)
    assert pairing.real.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert pairing.synthetic[0].std().item() == pytest.approx(1, abs=0.3)
    assert pairing.mean[0] == pytest.approx(5, abs=0.1)


def test_fields_of_another_size_are_cropped_and_no_longer_periodic():
    pairing = pair(field(6, (64, 48)), [field(6, (32, 96), seed=1)])
    assert pairing.frame.shape == (32, 48)
    assert pairing.frame.boundary == "open"
    assert len(pairing.real) == len(pairing.synthetic[0]) == 6
    assert any("32x48" in note for note in pairing.notes)


def test_a_single_field_is_cut_into_blocks():
    real = field(1, (64, 64))
    pairing = pair(real, [field(3, (64, 64), seed=1)])
    assert pairing.blocks and pairing.frame.shape == (32, 32)
    assert len(pairing.real) == 4 and len(pairing.synthetic[0]) == 12
    back = pairing.real.numpy() * pairing.sd[0] + pairing.mean[0]
    np.testing.assert_allclose(back[1, 0], real.load()[0, 0, 32:, :32], rtol=1e-4)


def test_a_single_large_field_against_smaller_ones():
    pairing = pair(field(1, (64, 64)), [field(5, (24, 24), seed=1)])
    assert pairing.frame.shape == (24, 24)
    assert len(pairing.real) == 4 and len(pairing.synthetic[0]) == 5


@pytest.mark.parametrize("periodic", [True, False])
def test_an_undeclared_boundary_is_recognised(periodic):
    x = field(6, (64, 64), slope=-4.0).load()
    if not periodic:
        x = x[..., :48, :48]
    undeclared = Field.from_array(x)
    assert pair(undeclared, [undeclared]).frame.periodic == periodic


def test_gaps_compare_equal():
    x, y = (gaussian_fields(6, (32, 32), -2.0, seed=i).numpy() for i in (0, 1))
    x[..., :8, :] = np.nan
    pairing = pair(Field.from_array(x, boundary="open"), [Field.from_array(y, boundary="open")])
    assert pairing.synthetic[0][..., :8, :].std() == pytest.approx(0, abs=1e-6)
    assert pairing.synthetic[0][..., 8:, :].std() > 0.5


@pytest.mark.parametrize(
    "channels, dims, name, expected",
    [
        (("u", "v", "w"), ("z", "y", "x"), "flow", (2, 1, 0)),
        (("vel_x", "vel_y", "vel_z"), ("x", "y", "z"), "flow", (0, 1, 2)),
        (("Vx", "Vy"), ("y", "x"), "flow", (1, 0)),
        (("0", "1", "2"), ("z", "y", "x"), "velocity", (2, 1, 0)),
        (("0", "1"), ("a", "b"), "velocity", (1, 0)),
        (("I", "Q", "U"), ("z", "y", "x"), "stokes", ()),
        (("u", "v", "w"), ("y", "x"), "flow", ()),
        (("density", "velocity"), ("y", "x"), "gas", ()),
    ],
)
def test_vectors_are_recognised_by_their_names(channels, dims, name, expected):
    values = np.zeros((1, len(channels), *[16] * len(dims)), np.float32)
    made = Field(values, name, channels, dims, (1.0,) * len(dims))
    assert vector_components(made) == expected


def test_components_of_a_vector_share_one_scale():
    x = gaussian_fields(5, (32, 32), channels=2).numpy() * np.array([1, 3])[:, None, None]
    pairing = pair(*(lambda f: (f, [f]))(Field.from_array(x, channels=("u", "v"))))
    assert pairing.sd[0] == pairing.sd[1] == pytest.approx(np.sqrt(5), rel=0.02)
    assert pairing.frame.channels == ("u", "v")


def test_unnamed_components_are_called_after_their_axes():
    real = field(5, (32, 32), channels=2, name="velocity")
    assert pair(real, [real]).frame.channels == ("x", "y")


@pytest.mark.parametrize(
    "real, synthetic, words",
    [
        (field(5, (32, 32)), field(5, (32,)), "2-D"),
        (field(5, (32, 32)), field(5, (32, 32), channels=2), "channel"),
        (field(5, (32, 32)), field(5, (32, 32), spacing=(0.5, 0.5)), "spacing"),
        (field(5, (32, 32)), field(5, (12, 32)), "too small"),
        (Field.from_array(np.ones((5, 1, 32, 32))), field(5, (32, 32)), "constant"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(real, synthetic, words):
    with pytest.raises(InputError, match=words):
        pair(real, [synthetic])


def test_copied_pixels_are_noted_and_dry_ones_are_not():
    fine = gaussian_fields(2, (64, 64), -2.0).numpy()
    # Of 63 pairs in a line, 32 are the two halves of a coarse pixel.
    coarse = fine[..., ::2, ::2].repeat(2, -1).repeat(2, -2)
    for values, noted in ((fine, False), (coarse, True), (fine.clip(min=0), False)):
        made = Field.from_array(values, boundary="periodic")
        notes = pair(made, [made]).notes
        assert any(note.startswith("51% of the neighbouring") for note in notes) == noted
