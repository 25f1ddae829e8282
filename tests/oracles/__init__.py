"""Slow twins: the same numbers straight from the definitions, to compare fast code with."""
