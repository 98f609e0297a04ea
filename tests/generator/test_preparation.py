import pytest
import torch
from sightline.type.v1 import media_pb2
from sightline_common.errors import InternalError
from sightline_generator.chat.prompt import Prompt
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.families.base import MediumGrid, PlaceholderRange, PromptPositions
from sightline_generator.media import EncodedMedium
from sightline_generator.preparation import PreparedPrompt

GRID = MediumGrid(1, 4, 4)


def prepared(features, num_tokens=4):
    positions = PromptPositions(torch.zeros(3, 6, dtype=torch.int64), 0)
    prompt = Prompt([0] * 6, [PlaceholderRange(1, 4, GRID)], [0], positions)
    rows = None if features is None else FeatureRows.of(features)
    medium = EncodedMedium(rows, GRID, num_tokens, "key", media_pb2.FEATURE_SOURCE_COMPUTED)
    return PreparedPrompt(prompt, [], [medium], 0.0)


def test_features_take_the_place_of_their_placeholders():
    (span,) = prepared(torch.ones(4, 8)).take_feature_spans()
    assert span.offset == 1
    assert torch.equal(span.features.copied(), torch.ones(4, 8))


def test_features_move_and_do_not_stay():
    prompt = prepared(torch.ones(4, 8))
    prompt.take_feature_spans()
    assert prompt.encoded[0].features is None


@pytest.mark.parametrize("features", [torch.ones(5, 8), None])
def test_features_that_do_not_fill_their_placeholders_are_refused(features):
    with pytest.raises(InternalError):
        prepared(features, num_tokens=5).take_feature_spans()
