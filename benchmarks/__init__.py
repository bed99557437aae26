"""Generated counties, floors and the benchmark. Only `portal` imports the application."""
