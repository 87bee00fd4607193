"""Feelings as pictures: the valence-arousal plane and the axes over time, live on the demo's page and from a trace."""
