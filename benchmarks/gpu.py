"""What a GPU makes of batches and of large fields; says "not run" where there is none."""

from __future__ import annotations

import math
from time import perf_counter

import torch

import moments
import synth
from benchmarks import contenders
from benchmarks.measure import seconds
from benchmarks.synthesis import FLOW

SHAPE = (256, 256)
BATCHES = (1, 4, 16, 64, 256)
SAMPLES = 128


def bandwidth() -> float:
    """Bytes a second of a large copy on the device, read and written."""
    source = torch.empty(2**28, device="cuda")
    target = torch.empty_like(source)
    taken = seconds({"copy": lambda: float(target.copy_(source)[0])}, 9)["copy"]
    return 2 * source.numel() * source.element_size() / taken


def least_bytes(shape: tuple[int, ...]) -> int:
    """Traffic of a field that no energy avoids: its bands written and read, there and back."""
    bank = moments.FilterBank(shape)
    return 4 * 8 * sum(bank.angles * math.prod(grid) for grid in bank.grids)


def fits(family: str, shape: tuple[int, ...]) -> bool:
    """Whether loss and gradient of one field of this shape fit the device."""
    try:
        contenders.ours(family, shape, 1, "cuda")()
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        torch.cuda.empty_cache()
    return True


def largest(family: str, dims: int, sizes: tuple[int, ...]) -> str:
    """The largest of these cubes that fits."""
    fitting = "none"
    for n in sizes:
        if not fits(family, (n,) * dims):
            break
        fitting = "x".join([str(n)] * dims)
    return fitting


def samples(n: int) -> float:
    """Converged samples a second of the first field of samples/, n at once."""
    fields = synth.read(FLOW).load()[:1]
    field = synth.Field.from_array(fields, boundary="periodic")
    model = synth.fit(field, "wph", device="cuda")
    begin = perf_counter()
    synth.sample(model, n, device="cuda", target="mean")
    return n / (perf_counter() - begin)


def tables(rounds: int) -> tuple[list[str], dict[str, float]]:
    """Fields a second against the batch, share of the memory's floor, largest fields."""
    if not torch.cuda.is_available():
        return ["GPU: not run, this machine has none."], {}
    rate = bandwidth()
    floor = least_bytes(SHAPE) / rate
    lines = [
        f"{torch.cuda.get_device_name()}, copies at {rate / 1e9:.0f} GB/s.",
        "",
        "| fields of 256x256 a second | " + " | ".join(f"batch {b}" for b in BATCHES)
        + " | share of the memory's floor | largest 2-D | largest 3-D |",
        "|" + "---|" * (len(BATCHES) + 4),
    ]  # fmt: skip
    for family in ("wph", "scattering-covariance"):
        speed = []
        for batch in BATCHES:
            evaluation = {family: contenders.ours(family, SHAPE, batch, "cuda")}
            speed.append(batch / seconds(evaluation, rounds)[family])
            torch.cuda.empty_cache()
        cells = " | ".join(f"{value:.0f}" for value in speed)
        flat = largest(family, 2, (1024, 2048, 4096, 8192))
        cube = largest(family, 3, (128, 192, 256, 384))
        share = f"{100 * max(speed) * floor:.0f}%"
        lines.append(f"| {family}, loss and gradient | {cells} | {share} | {flat} | {cube} |")
    rate = samples(SAMPLES)
    lines += ["", f"{SAMPLES} samples of `wph` together: {rate:.1f} a second."]
    return lines, {"samples a second on a GPU": rate}
