"""An XDMF file beside a samples file, so that ParaView opens it as a series of grids."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from synth.errors import UsageError
from synth.files.contents import text
from synth.files.hdf5 import opened
from synth.files.reading import read


def write_xdmf(samples: str | Path, overwrite: bool = False) -> Path:
    """Describe a samples file to ParaView, in XDMF 2: one step of the series per sample.

    Parameters
    ----------
    samples : path
        What `write_samples` wrote.

    Returns
    -------
    path
        The file written: the name of the samples with the ending .xdmf, in the same folder.

    Raises
    ------
    UsageError
        The .xdmf file exists and `overwrite` is false.
    """
    samples = Path(samples)
    path = samples.with_suffix(".xdmf")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; ask for it to be overwritten or remove it.")
    field = read(samples)
    with opened(samples) as file:
        dataset = file[text(file.attrs["field"])]
        stored, size = dataset.shape, dataset.dtype.itemsize
    # XDMF grids are 3-D: missing axes have one point.
    shape = (*(1,) * (3 - field.ndim), *field.shape)
    spacing = (*(1.0,) * (3 - field.ndim), *field.spacing)
    root = ElementTree.Element("Xdmf", Version="2.0")
    domain = ElementTree.SubElement(root, "Domain")
    series = ElementTree.SubElement(
        domain, "Grid", Name=field.name, GridType="Collection", CollectionType="Temporal"
    )
    for sample in range(field.n_samples):
        grid = ElementTree.SubElement(series, "Grid", Name=f"sample {sample}", GridType="Uniform")
        ElementTree.SubElement(grid, "Time", Value=str(sample))
        ElementTree.SubElement(
            grid, "Topology", TopologyType="3DCoRectMesh", Dimensions=_words(shape)
        )
        geometry = ElementTree.SubElement(grid, "Geometry", GeometryType="ORIGIN_DXDYDZ")
        for numbers in ((0.0, 0.0, 0.0), spacing):
            item = ElementTree.SubElement(geometry, "DataItem", Dimensions="3", Format="XML")
            item.text = _words(numbers)
        for channel, name in enumerate(field.channels):
            attribute = ElementTree.SubElement(
                grid, "Attribute", Name=name, AttributeType="Scalar", Center="Node"
            )
            slab = ElementTree.SubElement(
                attribute, "DataItem", ItemType="HyperSlab", Dimensions=_words(shape)
            )
            lead = len(stored) - field.ndim
            start = (*(sample, channel)[:lead], *(0,) * field.ndim)
            count = (*(1,) * lead, *field.shape)
            box = ElementTree.SubElement(
                slab, "DataItem", Dimensions=f"3 {len(stored)}", Format="XML"
            )
            box.text = " ".join(map(_words, (start, (1,) * len(stored), count)))
            data = ElementTree.SubElement(
                slab,
                "DataItem",
                Dimensions=_words(stored),
                NumberType="Float",
                Precision=str(size),
                Format="HDF",
            )
            data.text = f"{samples.name}:/{field.name}"
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _words(numbers: tuple[float, ...]) -> str:
    return " ".join(map(str, numbers))
