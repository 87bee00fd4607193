"""Ears and voice: audio, endpointing, recognition, emotional synthesis with exact timings."""
