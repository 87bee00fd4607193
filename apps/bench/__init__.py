"""Benchmarks: commands that measure, print medians, and never judge."""
