"""Commands that make the shipped weights again from named public data."""
