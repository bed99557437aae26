"""Wires the apps together; no app imports it."""
