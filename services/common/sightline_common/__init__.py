"""Process plumbing that Sightline's services share."""

__version__ = "0.1.0"
