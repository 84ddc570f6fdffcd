"""SMPL's body: its joints at rest, and motion as its pose parameters."""
