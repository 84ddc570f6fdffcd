"""Playback of kinetoken's motion: a window, pictures and films."""
