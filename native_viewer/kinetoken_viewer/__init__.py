"""Playback of kinetoken's motion: a window, pictures and films. Only its GL modules import pyglet."""
