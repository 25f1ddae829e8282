"""Fit and synthesise one large field: time and peak memory.

    python -m benchmarks.large 1024x1024 [--model wph] [--scales J] [--angles L] [--steps 5]

The field is lognormal, of spectrum k^-(D + 1.4) before the exponential.  Without --steps the sample
runs to its end.
"""

from __future__ import annotations

import argparse
import re
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

import synth


def lognormal(shape: tuple[int, ...]) -> np.ndarray:
    """Skewed and rough at all scales, float32."""
    axes = np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij", sparse=True)
    k = np.sqrt(sum(axis**2 for axis in axes))
    k.flat[0] = 1
    noise = np.fft.fftn(np.random.default_rng(0).standard_normal(shape))
    x = np.fft.ifftn(noise * k ** (-len(shape) / 2 - 0.7)).real
    return np.exp(0.7 * x / x.std()).astype(np.float32)


def peak_gibibytes() -> float:
    """High-water mark of this process."""
    status = Path("/proc/self/status").read_text()
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kibibytes) / 2**20


def main() -> None:
    """Print a line for the fit and one for the sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", type=lambda text: tuple(map(int, text.split("x"))))
    parser.add_argument("--model", default="wph")
    parser.add_argument("--scales", type=int)
    parser.add_argument("--angles", type=int)
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    dims = ("z", "y", "x")[-len(given.shape) :]
    field = synth.Field.from_array(lognormal(given.shape), dims=dims, boundary="periodic")
    begin = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = synth.fit(field, given.model, scales=given.scales, angles=given.angles)
    taken = perf_counter() - begin
    print(
        f"fit: {taken:.0f} s, {model.n_moments} moments, peak {peak_gibibytes():.1f} GiB",
        flush=True,
    )
    begin = perf_counter()
    outcome = synth.sample(model, 1, steps=given.steps).outcomes[0]
    taken = perf_counter() - begin
    print(
        f"sample: {taken:.0f} s, {outcome['status']} after {outcome['steps']} steps, mismatch "
        f"{outcome['mismatch_sigma']:.2f} spreads, peak {peak_gibibytes():.1f} GiB"
    )


if __name__ == "__main__":
    main()
