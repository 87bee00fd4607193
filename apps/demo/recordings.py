"""What a visitor recorded or uploaded, as audio. The file is gone once it is read."""

from __future__ import annotations

from pathlib import Path

from rapport.persona.errors import InputError
from rapport.speech.audio import Audio
from rapport.speech.files import read_audio


def take_recording(path: Path, max_duration_s: float) -> Audio:
    """Decode a recording that Gradio has put into its own upload folder, and delete it.

    Raises:
        InputError: no sound in it, or too long; the message does not show the server's path.
    """
    try:
        return read_audio(path, max_duration_s=max_duration_s)
    except InputError as error:
        raise InputError(str(error).replace(str(path), "the recording")) from None
    finally:
        path.unlink(missing_ok=True)
