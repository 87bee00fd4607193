"""Feelings as EmotionML 1.0, W3C's exchange format for emotions (Recommendation of 22 May 2014)."""
