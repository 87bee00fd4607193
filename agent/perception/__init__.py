"""Reading the person's feeling from words, voice and face, and fusing what each says."""
