"""One painter for each drawing library: they differ in edges, joins, gradients and shadows.

A painter takes a scene, its appearance and the ground as an RGB picture, and gives back an RGB
picture of the same size.
"""
