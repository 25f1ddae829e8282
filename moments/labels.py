"""The table that names every moment: one row an entry of the vector, one column a property."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

#: Columns of the table.  j, l, k: scale, orientation and phase harmonic of the first and second
#: feature; j3, l3: the wavelet that filters both again (scattering covariance); c1, c2: channels;
#: k of a rectified feature: quarter turns of its phase; q: order of a cosine transform over scales;
#: level: of a quantile; shift: lag in pixels (z, y, x); part: "re", "im", or "" for a real moment;
#: -1 where a column has no meaning.
COLUMNS = np.dtype(
    [
        ("family", "U24"),
        ("kind", "U16"),
        ("c1", "i2"),
        ("j1", "i2"),
        ("l1", "i2"),
        ("k1", "i2"),
        ("c2", "i2"),
        ("j2", "i2"),
        ("l2", "i2"),
        ("k2", "i2"),
        ("j3", "i2"),
        ("l3", "i2"),
        ("q", "i2"),
        ("shift", "i4", (3,)),
        ("level", "f4"),
        ("part", "U2"),
    ]
)


class Labels:
    """Labels of a vector of moments.

    Parameters
    ----------
    table : ndarray of dtype :data:`COLUMNS`, (M,)

    Examples
    --------
    ``op.labels["j1"]`` is a column; ``op.labels.where(kind="C01", j2=3)`` a boolean mask over the
    moments.
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = np.asarray(table, dtype=COLUMNS)

    @classmethod
    def rows(cls, family: str, kind: str, size: int, **columns: Any) -> Labels:
        """A block of ``size`` rows; columns broadcast, those left out read -1, "" or no shift."""
        table = np.zeros(size, dtype=COLUMNS)
        for name in COLUMNS.names or ():
            if table[name].dtype.kind in "if" and name != "shift":
                table[name] = -1
        table["family"], table["kind"] = family, kind
        for name, values in columns.items():
            values = np.asarray(values)
            if name == "shift" and values.shape[-1] < 3:
                pad = [(0, 0)] * (values.ndim - 1) + [(3 - values.shape[-1], 0)]
                values = np.pad(values, pad)
            table[name] = values
        return cls(table)

    @classmethod
    def join(cls, blocks: Iterable[Labels]) -> Labels:
        """Blocks one after the other."""
        tables = [block.table for block in blocks]
        return cls(np.concatenate(tables) if tables else np.zeros(0, dtype=COLUMNS))

    def complex_parts(self) -> Labels:
        """Each row twice, the real parts first, then the imaginary ones."""
        real, imaginary = self.table.copy(), self.table.copy()
        real["part"], imaginary["part"] = "re", "im"
        return Labels(np.concatenate([real, imaginary]))

    def where(self, **wanted: Any) -> np.ndarray:
        """Boolean mask of the rows whose columns equal (or are among) the wanted values, (M,)."""
        mask = np.ones(len(self), dtype=bool)
        for name, values in wanted.items():
            column = self.table[name]
            if name == "shift":
                mask &= (column == np.asarray(values)).all(-1)
            else:
                mask &= np.isin(column, values)
        return mask

    def groups(self, *names: str) -> np.ndarray:
        """Number of the group of equal (names) columns that each row belongs to, (M,)."""
        columns = [self.table[name] for name in names]
        return np.unique(np.rec.fromarrays(columns), return_inverse=True)[1].reshape(-1)

    def storable(self) -> np.ndarray:
        """The table with ASCII strings, for files that know no other, (M,)."""
        fields = []
        for name in COLUMNS.names or ():
            base, shape = COLUMNS[name].base, COLUMNS[name].shape
            ascii_ = f"S{base.itemsize // 4}" if base.kind == "U" else base.str
            fields.append((name, ascii_, shape))
        return self.table.astype(fields)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.table[name]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[np.void]:
        return iter(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and np.array_equal(self.table, other.table)

    __hash__ = None  # type: ignore[assignment]
