"""The tongue of each language."""

from __future__ import annotations

from collections.abc import Mapping

from training.talk.chinese import CHINESE, SCENES_CHINESE
from training.talk.english import ENGLISH, SCENES_ENGLISH
from training.talk.language import Language
from training.talk.tongue import Tongue

TONGUES: Mapping[Language, Tongue] = {"en": ENGLISH, "zh": CHINESE}
# Of weights that know nothing but scenes, and say so.
SCENES_TONGUES = (SCENES_ENGLISH, SCENES_CHINESE)
