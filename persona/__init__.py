"""Who the agent is and how it feels: affect space, personality, mood, emotion transition, persona cards."""
