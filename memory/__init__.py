"""What the agent remembers: conversations, affect traces, recall."""
