"""People first: what a person says is read for danger before any model is asked, and replies are checked."""
