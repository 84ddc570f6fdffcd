"""Avatars that listen to OSC over UDP: VMC receivers, and VRChat's trackers."""
