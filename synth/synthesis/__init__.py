"""From a model to new fields: the energy, the descent on it, checkpoints, workers."""
