"""The files of the model folder, before training."""
