"""Measurements of speed against other packages, one command each."""
