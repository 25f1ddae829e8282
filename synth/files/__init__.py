"""Files in and out: one place opens HDF5, layouts are recognised, samples are written."""
