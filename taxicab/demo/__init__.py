"""The demonstration: a small observatory and the people who live a set's life in it.

The top of the house: it may use every application, and none uses it.
"""
