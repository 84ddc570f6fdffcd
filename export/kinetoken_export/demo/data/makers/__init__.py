"""Makers of windows, and the body poser that makes motion no capture has."""
