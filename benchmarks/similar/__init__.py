"""How well similar pictures are told from different ones: `python -m benchmarks.similar`."""
