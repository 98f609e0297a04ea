"""Kernels for CPUs, compiled on the machine that they run on."""
