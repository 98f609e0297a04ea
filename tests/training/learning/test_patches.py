from __future__ import annotations

import torch
from torch import nn

from training.build import MODEL_FOLDER, build_model
from training.learning.learner import Learner
from training.learning.patches import PatchProjection
from training.processing import Processor


def test_one_product_computes_what_the_convolution_does_forwards_and_backwards() -> None:
    convolution = nn.Conv3d(3, 8, kernel_size=(2, 14, 14), stride=(2, 14, 14))
    patches = torch.randn(5, 3, 2, 14, 14)
    gradients = []
    for layer in (convolution, PatchProjection(convolution)):
        convolution.zero_grad()
        result = layer(patches).view(-1, 8)
        result.square().sum().backward()
        assert convolution.weight.grad is not None
        gradients.append((result, convolution.weight.grad.clone()))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_learner_keeps_the_names_of_the_weights() -> None:
    model = build_model(Processor.load(MODEL_FOLDER).tokenizer)
    names = {f"model.{name}": value.shape for name, value in model.state_dict().items()}
    learnt = Learner(model).state_dict()
    assert {name: learnt[name].shape for name in names} == names
