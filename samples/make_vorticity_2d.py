"""Make samples/vorticity_2d.h5: independent states of forced two-dimensional turbulence.

    python samples/make_vorticity_2d.py [-o samples/vorticity_2d.h5]

Every run has its own seed, start and forcing. Each spins up, gives one state, and after an
interval another one; the first half of the file is the earlier time of all runs. Chaos amplifies
rounding, so another machine or version of torch gives other states of the same flow.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from navier_stokes_2d import BandForcing, NavierStokes2D, Torus

SEED = 2026
RUNS = 7
SIZE = 256  # grid of the file
PARAMETERS = {
    "grid": 384,  # keeps |k| < 128, all that the grid of the file resolves
    "viscosity": 5e-4,
    "drag": 0.02,
    "forcing_wavenumber": 6,
    "forcing_rate": 0.5,
    "forcing_memory": 10.0,
    "start_wavenumber": 4,
    "start_energy": 0.4,  # near the steady state's, which shortens the spin-up
    "time_step": 0.006,
    "spin_up": 30.0,
    "interval": 21.0,
}
DIAGNOSTICS_EVERY = 20  # steps
BITS = 12  # of the mantissa that are stored: a relative error of at most 2**-13


def simulate(seed: int, p: dict[str, float]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One run: its two states (2, SIZE, SIZE) and, after the spin-up, its history.

    The history holds, at equal times: energy, enstrophy, the power of the forcing averaged over
    the time between two entries, and the correlation of the vorticity with the first state.
    """
    torus = Torus(int(p["grid"]), torch.float32)
    flow = NavierStokes2D(torus, p["viscosity"], p["drag"])
    forcing = BandForcing(
        torus, int(p["forcing_wavenumber"]), p["forcing_rate"], p["forcing_memory"]
    )
    start = BandForcing(torus, int(p["start_wavenumber"]), p["start_energy"], memory=0.5)
    generator = torch.Generator().manual_seed(seed)
    modes = torch.zeros(1, torus.n, torus.n // 2 + 1, dtype=torch.complex64)
    start.push(modes, start.draw(1, generator), dt=1.0)
    force = forcing.draw(1, generator)
    dt = p["time_step"]
    first, last = round(p["spin_up"] / dt), round((p["spin_up"] + p["interval"]) / dt)
    states, rows, work = [], [], 0.0
    for n in range(last + 1):
        if n in (first, last):
            states.append(torus.to_field(modes, SIZE)[0].numpy())
        if n == first:
            reference, work = modes.clone(), 0.0
        if n >= first and (n - first) % DIAGNOSTICS_EVERY == 0:
            overlap = (torus.weight * (reference.conj() * modes).real).double().sum()
            norms = 2 * torch.sqrt(torus.enstrophy(reference) * torus.enstrophy(modes))
            row = (torus.energy(modes), torus.enstrophy(modes), overlap / norms)
            rows.append([*map(float, row), work / (DIAGNOSTICS_EVERY * dt)])
            work = 0.0
        modes = flow.step(modes, dt)
        work += float(forcing.push(modes, force, dt))
        force = forcing.advance(force, dt, generator)
    energy, enstrophy, correlation, power = np.array(rows).T
    history = {"energy": energy, "enstrophy": enstrophy, "correlation": correlation}
    return np.stack(states), {**history, "power": power[1:]}


def measure(states: np.ndarray, histories: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Numbers that describe the steady flow, over all runs and the time after the spin-up."""
    p = PARAMETERS
    mean = {k: np.mean([history[k] for history in histories]) for k in histories[0]}
    correlation = np.mean([history["correlation"] for history in histories], axis=0)
    positive = (
        correlation[: np.argmax(correlation <= 0)] if (correlation <= 0).any() else correlation
    )
    speed = np.sqrt(2 * mean["energy"])
    x = states.astype(np.float64)
    variance = x.var((1, 2))
    kurtosis = ((x - x.mean((1, 2), keepdims=True)) ** 4).mean((1, 2)) / variance**2
    return {
        "rms_velocity": speed,
        "rms_vorticity": np.sqrt(2 * mean["enstrophy"]),
        "injected_power": mean["power"],
        "dissipated_by_drag": 2 * p["drag"] * mean["energy"],
        "dissipated_by_viscosity": 2 * p["viscosity"] * mean["enstrophy"],
        "reynolds_number": speed * 2 * np.pi / p["forcing_wavenumber"] / p["viscosity"],
        "integral_time": (positive.sum() - 0.5) * DIAGNOSTICS_EVERY * p["time_step"],
        "kurtosis": kurtosis.mean(),
        "kurtosis_deviation": kurtosis.std(ddof=1),
    }


def round_mantissa(values: np.ndarray, bits: int) -> np.ndarray:
    """Round float32 to the nearest number with so many mantissa bits: the rest compresses away."""
    drop = 23 - bits
    raw = values.astype(np.float32).view(np.uint32)
    return ((raw + (1 << (drop - 1))) >> drop << drop).view(np.float32)


def write(path: Path, states: np.ndarray, attributes: dict[str, object]) -> None:
    """The file: dataset `vorticity` with axes (sample, y, x), their scales, and how it was made."""
    spacing = 2 * np.pi / SIZE
    with h5py.File(path, "w") as file:
        vorticity = file.create_dataset(
            "vorticity",
            data=round_mantissa(states, BITS),
            chunks=(1, SIZE, SIZE),
            shuffle=True,
            compression="gzip",
            compression_opts=9,
        )
        grid = spacing * np.arange(SIZE)
        for axis, (name, values) in enumerate(
            {"sample": np.arange(len(states)), "y": grid, "x": grid}.items()
        ):
            file[name] = values
            file[name].make_scale(name)
            vorticity.dims[axis].attach_scale(file[name])
            vorticity.dims[axis].label = name
        vorticity.attrs.update(
            {
                "description": "vorticity of forced two-dimensional turbulence, independent states "
                "of the statistically steady flow; parameters and numbers in samples/README.md",
                "source": "samples/make_vorticity_2d.py",
                "licence": "BSD-3-Clause",
                "dims": "sample,y,x",
                "periodic": True,
                "units": "1",
                "spacing": [spacing, spacing],
                "box": 2 * np.pi,
                "seed": SEED,
                "mantissa_bits": BITS,
                **attributes,
            }
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).with_name("vorticity_2d.h5")
    parser.add_argument("-o", "--output", type=Path, default=default, help="file to write")
    path = parser.parse_args().output
    torch.set_num_threads(1)  # one field of this size fits a core's cache: threads only add cost
    began = time.process_time()
    results = []
    for run in range(RUNS):
        results.append(simulate(SEED + run, PARAMETERS))
        print(f"run {run + 1}/{RUNS}: {time.process_time() - began:.0f} s", file=sys.stderr)
    # Axes (run, time) to (time, run): the earlier states of all runs come first.
    states = np.stack([states for states, _ in results], axis=1).reshape(-1, SIZE, SIZE)
    measured = measure(states, [history for _, history in results])
    for name, value in measured.items():
        print(f"{name}: {value:.4g}", file=sys.stderr)
    write(path, states, {**PARAMETERS, **{f"measured_{k}": v for k, v in measured.items()}})


if __name__ == "__main__":
    main()
