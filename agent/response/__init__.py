"""From a perceived feeling to words: the chain of empathy and the language models behind it."""
