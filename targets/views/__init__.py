"""Pages of this app: each function is a guard, a query and a render."""
