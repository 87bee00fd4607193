"""Simulated sessions: a protocol, a therapist, a client that feels, and measures; one or ten thousand.

Synthetic, for research and training. Not for diagnosis, nor for use with people without supervision.

    from rapport.apps.simulate.api import simulate

    for session in simulate(protocol="pe", cases=10, seed=7):
        print(session.id, session.ratings)
"""
