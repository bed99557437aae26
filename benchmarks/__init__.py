"""Generated counties, floors and the benchmark. Imports nothing of the application."""
