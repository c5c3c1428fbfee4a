"""Figures of a report: NumPy and Matplotlib, without pyplot (workers live long)."""
