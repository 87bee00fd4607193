"""Protocols: what a therapist does when, as state machines that see only what a therapist can see."""
