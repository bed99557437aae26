"""Targets, progress, official tables, and the pages that need everything."""
