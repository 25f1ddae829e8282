"""What a sampling run leaves behind while it works, so that an interrupted one can go on.

A folder with one file for each finished sample, and one with the state of each batch in progress.
Every file is written to a temporary name and renamed, so a kill at any moment leaves whole files.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.errors import InputError

SETTINGS = "run.json"
#: Seconds between two states of the batch in progress.
STATE_EVERY = 30.0


class Checkpoint:
    """The folder of one run.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    settings : dict
        All that determines the samples; a folder of other settings is refused.

    Raises
    ------
    InputError
        If the folder holds a run of other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.opened = time.monotonic()
        self.written: dict[int, float] = {}  # by the first number of a batch
        self.folder.mkdir(exist_ok=True, parents=True)
        known = self.folder / SETTINGS
        settings = json.loads(json.dumps(settings))
        if not known.exists():
            _replace(known, lambda path: path.write_text(json.dumps(settings, indent=1)))
            return
        found = json.loads(known.read_text())
        changed = [key for key in settings if settings[key] != found.get(key)]
        if changed:
            key = changed[0]
            raise InputError(
                f"{self.folder} belongs to a run with {key}={found.get(key)}, and this one has "
                f"{key}={settings[key]}; resume with the same settings, or remove the folder."
            )

    def finished(self) -> dict[int, tuple[np.ndarray, dict[str, Any]]]:
        """Samples that were completed: number -> (field (channel, *space), outcome)."""
        out = {}
        for path in sorted(self.folder.glob("sample-*.npz")):
            with np.load(path) as content:
                outcome = json.loads(str(content["outcome"]))
                out[int(path.stem.split("-")[1])] = (content["field"], outcome)
        return out

    def add(self, numbers: list[int], fields: np.ndarray, outcomes: list[dict[str, Any]]) -> None:
        """Keep the samples of a finished batch; its state is not needed any more."""
        for number, field, outcome in zip(numbers, fields, outcomes, strict=True):
            content = {"field": field, "outcome": np.array(json.dumps(outcome))}
            _save(self.folder / f"sample-{number:06d}.npz", content)
        self._state(numbers).unlink(missing_ok=True)

    def holds(self, numbers: list[int]) -> bool:
        """Whether the state of the minimiser for this batch of samples was kept."""
        path = self._state(numbers)
        if not path.exists():
            return False
        with np.load(path) as content:
            return bool(content["numbers"].tolist() == numbers)

    def state(self, numbers: list[int]) -> dict[str, Tensor]:
        """State of the minimiser for this batch of samples, which :meth:`holds` tells is there."""
        with np.load(self._state(numbers)) as content:
            return {
                name.removeprefix("state/"): torch.from_numpy(content[name])
                for name in content.files
                if name.startswith("state/")
            }

    def due(self, numbers: list[int]) -> bool:
        """Whether it is time to keep the state of this batch again."""
        return time.monotonic() - self.written.get(numbers[0], self.opened) > STATE_EVERY

    def keep(self, numbers: list[int], state: dict[str, Tensor]) -> None:
        """Keep the state of a batch in progress."""
        arrays = {f"state/{name}": value.cpu().numpy() for name, value in state.items()}
        _save(self._state(numbers), {"numbers": np.array(numbers), **arrays})
        self.written[numbers[0]] = time.monotonic()

    def _state(self, numbers: list[int]) -> Path:
        return self.folder / f"state-{numbers[0]:06d}.npz"


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]

    _replace(path, write)


def _replace(path: Path, write: Any) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
