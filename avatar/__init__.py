"""The face: animation (visemes, expression, gaze, blink) and GPU rendering."""
