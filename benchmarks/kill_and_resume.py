"""Kill `synth sample` outright at random moments, resume it each time, and compare the end.

    python -m benchmarks.kill_and_resume [--kills 20]

Prints whether the samples are those of an uninterrupted run, to the bit: none lost, none twice.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import synth

FIELD = Path(__file__).parents[1] / "samples" / "vorticity_2d.h5"
#: The command, which keeps its state every fifth of a second so that most kills find some.
COMMAND = "import synth.synthesis.checkpoint as c; c.STATE_EVERY = 0.2; import cli; cli.main()"


def started(model: Path, out: Path, n: int, *more: str) -> subprocess.Popen:
    """`synth sample` of small fields, in a process of its own."""
    arguments = ["sample", str(model), "-n", str(n), "--seed", "3", "--size", "128x128", "-q"]
    arguments += ["-o", str(out), *more]
    return subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stdout=subprocess.DEVNULL)


def seconds(model: Path, out: Path, n: int) -> float:
    """Length of a run that nobody interrupts."""
    before = time.monotonic()
    assert started(model, out, n).wait() in (0, 4)
    return time.monotonic() - before


def main() -> None:
    """Print how the kills went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--samples", type=int, default=120)
    asked = parser.parse_args()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        model, whole, out = (Path(name) / f"{part}.h5" for part in ("model", "whole", "killed"))
        synth.write_model(str(model), synth.fit(synth.read(FIELD), "small"))
        start = seconds(model, Path(name) / "one.h5", 1)
        length = seconds(model, whole, asked.samples) - start
        killed = 0
        for _ in range(asked.kills):
            process = started(model, out, asked.samples, "--resume")
            try:
                # Short enough that all kills together find the run at work.
                process.wait(timeout=start + draw.uniform(0, 0.4) * length / asked.kills)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1
            kept = len(list(out.with_suffix(".checkpoint").glob("sample-*.npz")))
            print(f"killed {killed} times, {kept} of {asked.samples} samples kept", flush=True)
        if not out.exists():
            assert started(model, out, asked.samples, "--resume").wait() in (0, 4)
        same = (synth.read(whole).load() == synth.read(out).load()).all()
        verdict = "identical" if same else "DIFFERENT"
        print(f"{asked.samples} samples after {killed} kills: {verdict} to an uninterrupted run")
        sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
