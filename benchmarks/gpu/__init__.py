"""Speed and memory on a GPU of the GLM-4.6V-Flash configuration with random weights."""
