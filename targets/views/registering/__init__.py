"""The pages of registering somebody, one module a task."""
