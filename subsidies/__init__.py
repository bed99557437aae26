"""Who is helped with the contribution, by which rule, how much."""
