"""States of two-dimensional turbulence on 192x192 points, by the solver of samples/.

`forced` is the flow of samples/ on a grid of 256 instead of 384 points (all |k| < 85 are kept, and
192 points hold them), with the viscosity raised by the square of the ratio: a run of 30 time units,
then a state every 15. A handful of vortices fills the box, and states differ much from each other.

`decaying` starts from a Gaussian vorticity in a band at k = 16, brought to the energy 0.5, and is
seen after 3 time units without force or drag: many small vortices, so that one state differs about
as much from the others as in the paper.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "samples"))
GRID, SIZE = 256, 192


def forced(seed: int, count: int) -> np.ndarray:
    """(count, SIZE, SIZE) states of one run, 15 time units apart."""
    from make_vorticity_2d import PARAMETERS as P
    from navier_stokes_2d import BandForcing

    spin_up, interval, dt = 30.0, 15.0, 0.009
    torus, flow = _torus(P["drag"])
    generator = torch.Generator().manual_seed(seed)
    modes = _start(torus, int(P["start_wavenumber"]), P["start_energy"], generator)
    forcing = BandForcing(
        torus, int(P["forcing_wavenumber"]), P["forcing_rate"], P["forcing_memory"]
    )
    force = forcing.draw(1, generator)
    states = []
    for number in range(count):
        for _ in range(round((interval if number else spin_up) / dt)):
            modes = flow.step(modes, dt)
            forcing.push(modes, force, dt)
            force = forcing.advance(force, dt, generator)
        states.append(torus.to_field(modes, SIZE)[0].numpy())
    return np.stack(states)


def decaying(seed: int, count: int) -> np.ndarray:
    """(count, SIZE, SIZE) states of as many runs."""
    age, energy, dt = 3.0, 0.5, 0.006
    torus, flow = _torus(drag=0.0)
    generator = torch.Generator().manual_seed(seed)
    states = []
    for _ in range(count):
        modes = _start(torus, 16, energy, generator)
        modes = modes * (energy / torus.energy(modes)).sqrt().float()[:, None, None]
        for _ in range(round(age / dt)):
            modes = flow.step(modes, dt)
        states.append(torus.to_field(modes, SIZE)[0].numpy())
    return np.stack(states)


FLOWS: dict[str, Callable[[int, int], np.ndarray]] = {"forced": forced, "decaying": decaying}


def _torus(drag: float) -> tuple[Any, Any]:
    """The grid and the flow on it."""
    from make_vorticity_2d import PARAMETERS as P
    from navier_stokes_2d import NavierStokes2D, Torus

    torus = Torus(GRID, torch.float32)
    return torus, NavierStokes2D(torus, P["viscosity"] * (P["grid"] / GRID) ** 2, drag)


def _start(torus: Any, wavenumber: int, energy: float, generator: torch.Generator) -> Tensor:
    """Modes (1, GRID, GRID / 2 + 1) of Gaussian vorticity in a narrow band, of this mean energy."""
    from navier_stokes_2d import BandForcing

    band = BandForcing(torus, wavenumber, energy, memory=0.5)
    modes = torch.zeros(1, GRID, GRID // 2 + 1, dtype=torch.complex64)
    band.push(modes, band.draw(1, generator), dt=1.0)
    return modes


def states(flow: str, folder: Path, first_seed: int, runs: int, per_run: int) -> Tensor:
    """(runs * per_run, SIZE, SIZE) states, one file a run, simulated where the file is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for seed in range(first_seed, first_seed + runs):
        path = folder / f"{flow}-{seed}-{per_run}.npy"
        if not path.exists():
            np.save(path, FLOWS[flow](seed, per_run))
            print(f"simulated {path}", file=sys.stderr, flush=True)
        parts.append(np.load(path))
    return torch.from_numpy(np.concatenate(parts))
