"""Statistics of vector fields: divergence, and the law of the vorticity and of its square.

Derivatives are spectral for periodic fields (the Nyquist wave has none) and central differences
inside open ones. Vorticity has one component in 2-D and three in 3-D; enstrophy is half its square.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.evaluation.statistics.base import Batch, Frame, Panel, Statistic
from synth.evaluation.statistics.onepoint import log_density, log_tails
from synth.evaluation.statistics.shells import frequencies

BINS = torch.linspace(-8, 8, 65)


def gradients(batch: Batch) -> Tensor:
    """d u_i / d x_j: (n, component i, axis j, *space), component i along frame.components[i]."""
    frame = batch.frame
    if frame.periodic:
        parts = []
        for axis, w in enumerate(frequencies(frame.shape)):
            size = frame.shape[axis]
            if size % 2 == 0:
                w = w.clone()
                w.reshape(-1)[size // 2] = 0.0
            spectrum = batch.spectrum * (1j * w).to(torch.complex64)
            parts.append(torch.fft.irfftn(spectrum, s=frame.shape, dim=frame.space, norm="forward"))
        return torch.stack(parts, 2)
    parts = []
    for axis in frame.space:
        part = (torch.roll(batch.values, -1, axis) - torch.roll(batch.values, 1, axis)) / 2
        for dim in frame.space:
            part = part.narrow(dim, 1, part.shape[dim] - 2)
        parts.append(part)
    return torch.stack(parts, 2)


def divergence(g: Tensor, frame: Frame) -> Tensor:
    """sum_i d u_i / d x_i: (n, *space)."""
    return sum((g[:, c, axis] for c, axis in enumerate(frame.components)), start=torch.zeros(()))


def vorticity(g: Tensor, frame: Frame) -> Tensor:
    """d u_b / d x_a - d u_a / d x_b for every pair of axes a < b: (n, pair, *space)."""
    channel = {axis: c for c, axis in enumerate(frame.components)}
    pairs = [(a, b) for a in range(frame.ndim) for b in range(a + 1, frame.ndim)]
    return torch.stack([g[:, channel[b], a] - g[:, channel[a], b] for a, b in pairs], 1)


class Divergence(Statistic):
    """ln of rms(div u) / rms(grad u); the ratio is 0 for an incompressible velocity.

    The gradient counts all its components, so that the ratio of independent components is 1 over
    the root of the dimension. Ratios below 1e-5 are rounding of float32 and count as 1e-5.
    """

    name = "divergence"
    title = "Divergence"
    meaning = "How far the vector field is from free of divergence."
    effect = "difference of ln(rms divergence / rms gradient)"

    def applies(self, frame: Frame) -> bool:
        return frame.is_vector

    def features(self, batch: Batch) -> Tensor:
        g = gradients(batch)
        div = divergence(g, batch.frame).flatten(1).square().mean(1, dtype=torch.float64)
        square = g.square().sum((1, 2)).flatten(1).mean(1, dtype=torch.float64)
        ratio = (div / square.clamp(min=1e-30)).sqrt()
        return ratio.clamp(min=1e-5).log()[:, None]

    def labels(self, frame: Frame) -> list[str]:
        return ["ln(rms divergence / rms gradient)"]

    def panels(self, frame: Frame) -> list[Panel]:
        return [
            Panel(
                [0],
                [0],
                "",
                "rms divergence / rms gradient",
                yscale="log",
                logarithmic=True,
                names=("divergence",),
            )
        ]


class Enstrophy(Statistic):
    """Law of the vorticity components in units of their own sd, and the logarithm of that sd.

    The squared sd is the mean enstrophy times 2 and over the number of components.
    """

    name = "enstrophy"
    title = "Vorticity and enstrophy"
    meaning = "How strong the rotation is, and how often it is much stronger than usual."
    effect = "rms difference of ln P of the tails"
    thresholds = (-5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0)

    def applies(self, frame: Frame) -> bool:
        return frame.is_vector

    def _normalised(self, batch: Batch) -> tuple[Tensor, Tensor]:
        w = vorticity(gradients(batch), batch.frame).flatten(1)
        sd = w.square().mean(1, keepdim=True, dtype=torch.float64).sqrt()
        return w / sd.clamp(min=1e-12).float(), sd

    def features(self, batch: Batch) -> Tensor:
        w, sd = self._normalised(batch)
        return torch.cat([log_tails(w, self.thresholds), sd.clamp(min=1e-12).log()], 1)

    def labels(self, frame: Frame) -> list[str]:
        return [*(f"ln P(vorticity beyond {t:+g} sd)" for t in self.thresholds), "ln sd"]

    def drawn(self, batch: Batch) -> Tensor:
        return log_density(self._normalised(batch)[0], BINS)

    def panels(self, frame: Frame) -> list[Panel]:
        centres = ((BINS[1:] + BINS[:-1]) / 2).tolist()
        return [
            Panel(
                centres,
                range(len(centres)),
                "vorticity / sd",
                "density",
                xscale="linear",
                yscale="log",
                logarithmic=True,
            )
        ]
