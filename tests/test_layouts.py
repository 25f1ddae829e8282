"""A small file of each community, written the way that community writes it, reads as it means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import synth
from synth.errors import InputError
from synth.field import Field

RNG = np.random.default_rng(5)
MAPS = RNG.normal(size=(4, 12, 10)).astype(np.float32)
CUBE = RNG.normal(size=(6, 8, 10)).astype(np.float32)


def make(path: Path, write: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "w") as file:
        write(file)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "field.h5"


def check(field: Field, values: np.ndarray, dims: tuple[str, ...], word: str) -> None:
    assert field.dims == dims
    assert word in field.layout
    assert field.values.dtype == np.float32
    np.testing.assert_array_equal(field.load(), values)


def test_xarray(path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    data = xarray.DataArray(
        MAPS,
        dims=("time", "lat", "lon"),
        coords={"time": np.arange(4.0), "lat": 50 + 0.5 * np.arange(12), "lon": np.arange(10.0)},
        attrs={"units": "K", "long_name": "surface temperature"},
    )
    data.to_dataset(name="tas").to_netcdf(path, engine="h5netcdf")
    field = synth.read(path)
    check(field, MAPS[:, None], ("lat", "lon"), "time,lat,lon")
    assert (field.name, field.units, field.spacing) == ("tas", "K", (0.5, 1.0))
    assert field.attributes["long_name"] == "surface temperature"


def test_netcdf4_with_packed_numbers_fill_values_and_dimensions_without_variables(
    path: Path,
) -> None:
    netcdf4 = pytest.importorskip("netCDF4")
    physical = 270 + 0.01 * np.arange(120).reshape(12, 10)
    with netcdf4.Dataset(path, "w") as file:
        file.createDimension("y", 12)
        file.createDimension("x", 10)
        file.createVariable("crs", "i4").grid_mapping_name = "latitude_longitude"
        variable = file.createVariable("t2m", "i2", ("y", "x"), fill_value=-32767)
        variable.scale_factor, variable.add_offset, variable.units = 0.01, 270.0, "K"
        masked = np.ma.masked_array(physical, mask=np.zeros((12, 10), bool))
        masked[3, 4] = np.ma.masked
        variable[:] = masked
    field = synth.read(path)
    assert field.mask is not None and not field.mask[0, 0, 3, 4] and field.mask.sum() == 119
    valid = field.mask[0, 0]
    np.testing.assert_allclose(field.load()[0, 0][valid], physical[valid], rtol=1e-6)
    assert field.spacing == (1.0, 1.0)


def test_netcdf4_default_fill_value(path: Path) -> None:
    netcdf4 = pytest.importorskip("netCDF4")
    with netcdf4.Dataset(path, "w") as file:
        file.createDimension("y", 12)
        file.createDimension("x", 10)
        file.createVariable("sst", "f4", ("y", "x"))[:6] = MAPS[0, :6]
    field = synth.read(path)
    assert field.mask is not None
    assert field.mask[0, 0, :6].all() and not field.mask[0, 0, 6:].any()


def test_cf_time_level_lat_lon_is_three_dimensional(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["u"] = np.stack([CUBE, -CUBE])
        for i, (name, size) in enumerate([("time", 2), ("level", 6), ("lat", 8), ("lon", 10)]):
            file[name] = np.arange(size, dtype=">f8") * (i + 1)
            file[name].make_scale(name)
            file["u"].dims[i].attach_scale(file[name])

    field = synth.read(make(path, write))
    check(field, np.stack([CUBE, -CUBE])[:, None], ("level", "lat", "lon"), "Dimension scales")
    assert field.spacing == (2.0, 3.0, 4.0)


def test_labels_of_axes_without_scales(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["a"] = MAPS
        for axis, name in zip(file["a"].dims, ("member", "north", "east"), strict=True):
            axis.label = name

    check(synth.read(make(path, write)), MAPS[:, None], ("north", "east"), "member,north,east")


def test_a_labelled_series_beside_an_unlabelled_map_is_not_the_field(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["energy"] = np.arange(5.0)
        file["time"] = np.arange(5.0)
        file["time"].make_scale("time")
        file["energy"].dims[0].attach_scale(file["time"])
        file["a"] = MAPS[0]

    check(synth.read(make(path, write)), MAPS[:1, None], ("y", "x"), "unlabelled")


def test_valid_range_and_missing_value(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["a"] = np.arange(20, dtype="i2").reshape(4, 5)
        file["a"].attrs.update(valid_range=np.array([1, 17], "i2"), missing_value=np.int16(7))
        file["a"].attrs["_FillValue"] = "none"

    field = synth.read(make(path, write))
    assert field.mask is not None
    assert np.flatnonzero(~field.mask).tolist() == [0, 7, 18, 19]


def test_several_variables_ask_for_one_and_bounds_and_coordinates_do_not_count(path: Path) -> None:
    def write(file: h5py.File) -> None:
        for name in ("u", "v", "lat2d"):
            file[name] = MAPS[0]
        file["u"].attrs["coordinates"] = file["v"].attrs["coordinates"] = "lat2d"
        for i, (name, size) in enumerate([("y", 12), ("x", 10)]):
            file[name] = np.arange(size)
            file[name].make_scale(name)
            for variable in ("u", "v", "lat2d"):
                file[variable].dims[i].attach_scale(file[name])

    make(path, write)
    with pytest.raises(InputError, match=r"several fields; pick one with -d: u \(12, 10\), v "):
        synth.read(path)
    check(synth.read(path, "v"), MAPS[:1, None], ("y", "x"), "Dimension scales")


def the_well(file: h5py.File) -> None:
    file.attrs.update(
        dataset_name="turbulence", grid_type="cartesian", n_spatial_dims=2, n_trajectories=2,
        simulation_parameters=["Re"], Re=100.0,
    )  # fmt: skip
    dimensions = file.create_group("dimensions")
    dimensions.attrs["spatial_dims"] = ["x", "y"]
    for name, size in (("time", 3), ("x", 12), ("y", 10)):
        dimensions[name] = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)
        dimensions[name].attrs["sample_varying"] = False
    for axis in "xy":
        bc = file.create_group(f"boundary_conditions/{axis}_periodic")
        bc.attrs.update(associated_dims=[axis], bc_type="PERIODIC", sample_varying=False)
    shape = (2, 3, 12, 10)
    for group, name, tail in (
        ("t0_fields", "pressure", ()),
        ("t1_fields", "velocity", (2,)),
        ("t2_fields", "stress", (2, 2)),
    ):
        data = np.arange(np.prod((*shape, *tail)), dtype=np.float32).reshape(*shape, *tail)
        fields = file.require_group(group)
        fields.attrs["field_names"] = [name]
        node = fields.create_dataset(name, data=data)
        node.attrs.update(dim_varying=[True, True], sample_varying=True, time_varying=True)
    node = file["t0_fields"].create_dataset("forcing", data=np.ones((12, 10), np.float32))
    node.attrs.update(dim_varying=[True, True], sample_varying=False, time_varying=False)


def test_the_well(path: Path) -> None:
    make(path, the_well)
    field = synth.read(path)
    assert field.values.shape == (6, 7, 12, 10)
    assert field.channels == (
        "pressure", "velocity_x", "velocity_y", "stress_xx", "stress_xy", "stress_yx", "stress_yy",
    )  # fmt: skip
    assert field.boundary == "periodic"
    assert field.spacing == pytest.approx((1 / 12, 0.1))
    with h5py.File(path) as file:
        velocity = file["t1_fields/velocity"][1, 2, :, :, 1]
    np.testing.assert_array_equal(field.load()[5, 2], velocity)
    check(
        synth.read(path, "velocity"), field.load()[:, 1:3], ("x", "y"), "The Well, turbulence: vel"
    )


def test_the_well_with_a_wall_is_open(path: Path) -> None:
    make(path, the_well)
    with h5py.File(path, "a") as file:
        file["boundary_conditions/y_periodic"].attrs["bc_type"] = "WALL"
    assert synth.read(path).boundary == "open"


def test_pdebench_tensor(path: Path) -> None:
    values = RNG.normal(size=(3, 5, 16)).astype(np.float32)

    def write(file: h5py.File) -> None:
        file["tensor"] = values
        file["x-coordinate"] = np.linspace(0, 1, 16, endpoint=False, dtype=np.float32)
        file["t-coordinate"] = np.linspace(0, 2, 6, dtype=np.float32)

    field = synth.read(make(path, write))
    check(field, values.reshape(15, 1, 16), ("x",), "PDEBench")
    assert field.spacing == pytest.approx((1 / 16,))


def test_pdebench_darcy_flow_has_no_time(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["tensor"] = MAPS[:, None]
        file["nu"] = np.abs(MAPS)
        for axis, size in (("x", 12), ("y", 10)):
            file[f"{axis}-coordinate"] = np.arange(size, dtype=np.float32)

    check(synth.read(make(path, write)), MAPS[:, None], ("x", "y"), "PDEBench: tensor")


def test_pdebench_compressible_flow(path: Path) -> None:
    names = ("Vx", "Vy", "density", "pressure")
    values = {name: RNG.normal(size=(2, 3, 12, 10)).astype(np.float32) for name in names}

    def write(file: h5py.File) -> None:
        for name, data in values.items():
            file[name] = data
        for axis, size in (("x", 12), ("y", 10), ("t", 4)):
            file[f"{axis}-coordinate"] = np.arange(size, dtype=np.float32)

    field = synth.read(make(path, write))
    assert field.channels == ("density", "pressure", "Vx", "Vy")
    stacked = np.stack([values[name].reshape(6, 12, 10) for name in field.channels], 1)
    check(field, stacked, ("x", "y"), "PDEBench")
    check(synth.read(f"{path}:/Vy"), stacked[:, 3:], ("x", "y"), "PDEBench: Vy")


def test_jhtdb_cutout(path: Path) -> None:
    values = RNG.normal(size=(2, 6, 8, 10, 3)).astype(np.float32)

    def write(file: h5py.File) -> None:
        for i, step in enumerate(values, 1):
            file[f"Velocity_{i:04d}"] = step
        for axis, size in (("x", 10), ("y", 8), ("z", 6)):
            file[f"{axis}coor"] = 0.25 + 0.5 * np.arange(size, dtype=np.float64)

    make(path, write)
    field = synth.read(path)
    check(field, np.moveaxis(values, -1, 1), ("z", "y", "x"), "JHTDB cutout: Velocity, 2 time")
    assert field.spacing == (0.5, 0.5, 0.5)
    assert field.channels == ("Velocity_x", "Velocity_y", "Velocity_z")
    assert synth.read(path, "Velocity_0002").n_samples == 1
    with h5py.File(path, "a") as file:
        file["Pressure_0001"] = values[0, ..., :1]
    with pytest.raises(InputError, match="pick one with -d: Pressure, Velocity"):
        synth.read(path)
    assert synth.read(path, "Pressure").values.shape == (1, 1, 6, 8, 10)


def test_jhtdb_slice_is_two_dimensional(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["Velocity_0001"] = RNG.normal(size=(1, 8, 10, 3)).astype(np.float32)
        for axis, size in (("x", 10), ("y", 8), ("z", 1)):
            file[f"{axis}coor"] = np.arange(size, dtype=np.float64)

    field = synth.read(make(path, write))
    assert (field.dims, field.values.shape) == (("y", "x"), (1, 3, 8, 10))


def test_jhtdb_channel_flow_is_not_uniform(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["Velocity_0001"] = RNG.normal(size=(6, 8, 10, 3)).astype(np.float32)
        for axis, size in (("x", 10), ("y", 8), ("z", 6)):
            file[f"{axis}coor"] = np.arange(size, dtype=np.float64) ** (2 if axis == "y" else 1)

    with pytest.raises(InputError, match=r"axis y .* is not uniform .*interpolate"):
        synth.read(make(path, write))
    assert synth.read(path, dims=("z", "y", "x", "channel")).n_channels == 3


def odim(file: h5py.File) -> None:
    file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
    what = file.create_group("what")
    what.attrs.update(object=np.bytes_("COMP"), version=np.bytes_("H5rad 2.2"))
    what.attrs.update(date=np.bytes_("20190606"), time=np.bytes_("000000"))
    where = file.create_group("dataset1/where")
    where.attrs.update(xscale=1000.0, yscale=500.0, xsize=10, ysize=12)
    raw = np.full((12, 10), 100, np.uint8) + np.arange(10, dtype=np.uint8)
    raw[0], raw[1] = 255, 0
    file["dataset1/data1/data"] = raw
    inner = file.create_group("dataset1/data1/what")
    inner.attrs.update(quantity=np.bytes_("DBZH"), gain=0.5, offset=-32.0)
    inner.attrs.update(nodata=255.0, undetect=0.0)
    file["dataset1/data1/quality1/data"] = np.zeros((12, 10), np.uint8)


def test_odim_reflectivity(path: Path) -> None:
    field = synth.read(make(path, odim))
    assert (field.units, field.spacing, field.name) == ("dBZ", (500.0, 1000.0), "DBZH")
    assert "ODIM radar, COMP, quantity DBZH" in field.layout
    assert field.mask is not None
    assert not field.mask[0, 0, 0].any() and field.mask[0, 0, 1:].all()
    np.testing.assert_allclose(field.load()[0, 0, 2], 18 + 0.5 * np.arange(10))
    np.testing.assert_allclose(field.load()[0, 0, 1], -32)


def test_odim_rain_not_detected_is_no_rain(path: Path) -> None:
    make(path, odim)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["quantity"] = np.bytes_("RATE")
    field = synth.read(path)
    assert field.units == "mm/h"
    assert (field.load()[0, 0, 1] == 0).all()


def test_odim_polar_scan_is_refused(path: Path) -> None:
    make(path, odim)
    with h5py.File(path, "a") as file:
        file["dataset1/where"].attrs.update(nrays=12, nbins=10)
    with pytest.raises(InputError, match="polar scan, rays by range bins"):
        synth.read(path)


def athdf(file: h5py.File, level: int = 0) -> np.ndarray:
    """Two by two blocks in x and y of 4x6 cells, big-endian, as Athena++ writes .athdf."""
    file.attrs.update(
        NumCycles=np.int32(7), Time=0.5, Coordinates=np.bytes_("cartesian"), MaxLevel=level,
        NumMeshBlocks=4, MeshBlockSize=np.array([6, 4, 1], np.int32), NumVariables=[2, 1],
        RootGridSize=np.array([12, 8, 1], np.int32), RootGridX1=[0.0, 3.0, 1.0],
        RootGridX2=[-1.0, 1.0, 1.0], RootGridX3=[-0.5, 0.5, 1.0],
        DatasetNames=np.array([b"prim", b"B"], "S21"),
        VariableNames=np.array([b"rho", b"press", b"Bcc1"], "S21"),
    )  # fmt: skip
    whole = RNG.normal(size=(3, 8, 12)).astype(">f4")
    places = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]])
    file["LogicalLocations"] = places.astype(">i8")
    file["Levels"] = np.zeros(4, ">i4")
    blocks = [whole[:, None, 4 * j : 4 * j + 4, 6 * i : 6 * i + 6] for i, j, _ in places]
    stacked = np.stack(blocks, 1)
    file["prim"], file["B"] = stacked[:2], stacked[2:]
    return whole


def test_athena(path: Path) -> None:
    with h5py.File(path, "w") as file:
        whole = athdf(file)
    field = synth.read(path)
    check(field, whole[None].astype(np.float32), ("y", "x"), "Athena++, 4 mesh blocks")
    assert field.channels == ("rho", "press", "Bcc1")
    assert field.spacing == (0.25, 0.25)
    check(synth.read(path, "press"), whole[None, 1:2].astype("f4"), ("y", "x"), "press")


REFUSED: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "athena-refined": (lambda f: athdf(f, level=2), "a refined Athena"),
    "flash": (
        lambda f: [
            f.create_dataset(name, data=np.ones((3, 4)))
            for name in ("refine level", "block size", "coordinates", "dens")
        ],
        "blocks of a FLASH grid",
    ),
    "enzo": (
        lambda f: f.create_dataset("Grid00000001/Density", data=np.ones((4, 4, 4))),
        "grids of an Enzo hierarchy",
    ),
    "chombo": (lambda f: f.create_group("Chombo_global"), "levels of a Chombo grid"),
    "yt": (lambda f: f.attrs.update(data_type="yt_data_container", container_type="all_data"),
           "cells of a yt selection"),
    "flexi": (lambda f: f.create_dataset("DG_Solution", data=np.ones((2, 4, 4, 4, 5))),
              "curved elements"),
    "gadget": (lambda f: f.create_group("PartType0"), "particles; deposit them"),
    "cgns": (lambda f: f.create_dataset(" format", data=np.zeros(5, "i1")), "a CGNS mesh"),
    "pandas": (lambda f: f.create_group("df").attrs.update(pandas_type="frame"), "by pandas"),
}  # fmt: skip


@pytest.mark.parametrize(("write", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_uniform_grid_is_refused(
    path: Path, write: Callable[[h5py.File], object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        synth.read(make(path, write))


def test_single_dataset_in_a_group_with_labels_on_the_file(path: Path) -> None:
    def write(file: h5py.File) -> None:
        file["run/a/vorticity"] = MAPS.astype(">f8")
        file.attrs.update(dims="sample,y,x", periodic=True, spacing=[0.1, 0.2])
        file["run/a/vorticity"].attrs["units"] = np.bytes_("1/s")

    field = synth.read(make(path, write))
    check(field, MAPS[:, None], ("y", "x"), "attribute dims")
    assert (field.boundary, field.spacing, field.units) == ("periodic", (0.1, 0.2), "1/s")


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((40,), ("x",)),
        ((12, 10), ("y", "x")),
        ((1, 12, 10), ("y", "x")),
        ((12, 10, 1), ("y", "x")),
        ((1, 1, 40), ("x",)),
        ((2, 3, 4, 5, 6), ("z", "y", "x")),
    ],
)
def test_unlabelled_shape_that_can_be_one_thing(
    path: Path, shape: tuple[int, ...], dims: tuple[str, ...]
) -> None:
    field = synth.read(make(path, lambda f: f.update({"a": RNG.normal(size=shape)})))
    assert field.dims == dims
    assert field.values.size == np.prod(shape)


@pytest.mark.parametrize(
    ("shape", "ways"),
    [
        ((8, 32, 32), "--dims sample,y,x or --dims z,y,x"),
        ((32, 32, 32), "--dims sample,y,x or --dims z,y,x"),
        ((3, 32, 32), "--dims channel,y,x or --dims sample,y,x"),
        ((32, 32, 3), "--dims y,x,channel or --dims z,y,x"),
        ((5, 8, 9, 10), "--dims sample,z,y,x or --dims sample,channel,y,x"),
        ((4, 400), "--dims y,x or --dims sample,x"),
    ],
)
def test_unlabelled_shape_that_could_be_two_things(
    tmp_path: Path, path: Path, shape: tuple[int, ...], ways: str
) -> None:
    values = RNG.normal(size=shape)
    make(path, lambda f: f.update({"a": values}))
    np.save(tmp_path / "a.npy", values)
    for source in (path, tmp_path / "a.npy"):
        with pytest.raises(InputError, match=ways):
            synth.read(source)
        for way in ways.split(" or "):
            names = way.removeprefix("--dims ").split(",")
            assert synth.read(source, dims=names).values.size == values.size


def test_npy_in_fortran_order_and_big_endian(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(MAPS.astype(">f4")))
    field = synth.read(tmp_path / "a.npy", dims=("sample", "y", "x"))
    check(field, MAPS[:, None], ("y", "x"), "as given")


def test_shared_files_all_read(shared_data: Path) -> None:
    shapes = {p.name: synth.read(p) for p in sorted(shared_data.glob("*.h5"))}
    assert len(shapes) == 14
    assert shapes["ism_iqu_512.h5"].values.shape == (1, 3, 512, 512)
    assert shapes["rain_audio_1d.h5"].values.shape == (1, 1, 262144)
    assert shapes["isotropic_velocity_3d_32.h5"].boundary == "periodic"
    radar = synth.read(shared_data / "foreign" / "belgium_radar_odim.h5")
    assert radar.layout.endswith("27.4% of the values are gaps.")
    assert (radar.units, radar.spacing) == ("mm", (1000.0, 1000.0))
    assert radar.mask is not None and 0.72 < radar.mask.mean() < 0.73
    with pytest.raises(InputError, match="interpolate it"):
        synth.read(shared_data / "foreign" / "flexi_state.h5")
