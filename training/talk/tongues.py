"""The tongue of each language."""

from __future__ import annotations

from collections.abc import Mapping

from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH
from training.talk.language import Language
from training.talk.tongue import Tongue

TONGUES: Mapping[Language, Tongue] = {"en": ENGLISH, "zh": CHINESE}
