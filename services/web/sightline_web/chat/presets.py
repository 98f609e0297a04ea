"""Named settings to begin with."""

from __future__ import annotations

from sightline_web.chat.settings import ChatSettings

PRESETS = {
    "precise": ("Precise", ChatSettings(temperature=0.0)),
    "creative": ("Creative", ChatSettings(temperature=1.0, top_p=0.95)),
    "service": (
        "Customer service",
        ChatSettings(
            temperature=0.2,
            system="You help customers. Read the screenshot, name the problem in one sentence,"
            " and then list the steps that solve it. Ask for what you cannot see.",
        ),
    ),
    "education": (
        "Education",
        ChatSettings(
            temperature=0.3,
            system="You are a patient teacher. Read the exercise in the picture, explain the idea"
            " behind it, and solve it step by step. Write formulas in LaTeX between dollar signs.",
        ),
    ),
    "moderation": (
        "Moderation",
        ChatSettings(
            temperature=0.0,
            detail="low",
            system="You check pictures and text against the rules that follow. Answer with"
            " allowed or not allowed, and the reason in one sentence.",
        ),
    ),
    "report": (
        "Report",
        ChatSettings(
            temperature=0.2,
            detail="high",
            system="You turn charts and documents into reports. State the main finding first,"
            " then a table of the values that you read, then what is uncertain.",
        ),
    ),
}
"""Settings by key, with the name that is shown."""

BUILT_IN_NAMES = [(key, name) for key, (name, _settings) in PRESETS.items()]
