"""espeak-ng, where the user has it, for words that no lexicon knows.

espeak-ng is GPL-3: it is never imported, installed or used unless asked for, and runs as a program of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache

from rapport.persona.errors import ComponentError, StageError
from rapport.speech.ipa import from_espeak

_PROGRAMS = ("espeak-ng", "espeak")
_BUDGET_S = 5.0


class Espeak:
    """Letter-to-sound for `rapport.speech.g2p.phonemize`: a written word to misaki's American alphabet.

    Raises:
        ComponentError: the program is not on this machine.
    """

    def __init__(self) -> None:
        found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if found is None:
            raise ComponentError("espeak-ng is not on this machine; install it (e.g. apt install espeak-ng)")
        self._program = found
        self._read = lru_cache(maxsize=4096)(self._ask)

    def __call__(self, word: str) -> str:
        """Phonemes of one word of ASCII letters and apostrophes; may be empty.

        Raises:
            StageError: the program failed or hung.
        """
        return self._read(word)

    def _ask(self, word: str) -> str:
        command = [self._program, "-q", "--ipa", "-v", "en-us", "--", word]
        try:
            answer = subprocess.run(command, capture_output=True, check=True, timeout=_BUDGET_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise StageError(f"espeak-ng cannot read {word!r}: {error}") from error
        ipa = "".join(answer.stdout.decode("utf-8", "ignore").split())
        return "".join(from_espeak(ipa, [0] * len(ipa))[0])
