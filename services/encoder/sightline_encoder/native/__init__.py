"""The vision tower's layers on CPUs, compiled on the machine that they run on."""
