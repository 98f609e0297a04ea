"""What the page says when an answer did not end as usual."""

from __future__ import annotations

from sightline_web.language import translated
from sightline_web.store.records import INTERRUPTED

STOPPED = "STOPPED"
LENGTH = "LENGTH"

_WORDS = {
    STOPPED: "You stopped this answer.",
    INTERRUPTED: "The server was restarted before this answer was finished. Go on, or ask again.",
    LENGTH: "The answer reached its maximum length. Go on, or raise it under Settings.",
    "PROMPT_TOO_LONG": "The conversation has become too long for the model. Start a new one,"
    " or ask with fewer pictures.",
    "MEDIA_EMPTY": "The picture is empty. Choose another file.",
    "MEDIA_UNREADABLE": "The picture is damaged and cannot be read. Choose another file.",
    "MEDIA_FORMAT_UNSUPPORTED": "The picture is of a kind that the model cannot read."
    " Use PNG, JPEG, WebP or GIF.",
    "MEDIA_TOO_LARGE": "The pictures are too large. Send fewer or smaller ones.",
    "MEDIA_ASPECT_RATIO_INVALID": "The picture is too long and thin. Crop it.",
    "MEDIA_DECODER_FAILED": "The picture could not be opened. Save it anew, or smaller.",
    "QUEUE_FULL": "The model is busy. Try again in a moment.",
    "NOT_READY": "The model is starting or cannot be reached. Try again in a moment.",
    "ENCODER_UNAVAILABLE": "Pictures cannot be read at the moment. Try again shortly.",
    "MODEL_MISMATCH": "The services run different models. Ask whoever runs them to restart both.",
    "DEADLINE_EXCEEDED": "The answer took too long and was ended.",
    "REQUEST_FIELD_INVALID": "The model does not accept these settings. Change them and ask again.",
    "PARAMETER_UNSUPPORTED": "The model does not know one of these settings.",
}
_UNKNOWN = "Something went wrong on the server. Try again; its log has the details."


def words_for(reason: str) -> str:
    """Returns a sentence that helps, for whatever reason."""
    return translated(_WORDS.get(reason, _UNKNOWN))
