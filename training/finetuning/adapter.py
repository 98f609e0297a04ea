"""LoRA (Hu et al., 2021, arXiv:2106.09685) on the decoder, by PEFT."""

from __future__ import annotations

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

# The decoder's matrices by the names that GLM-4V's and GLM-4.6V's classes share. The vision tower
# stays as it is, so a picture's features may be cached whichever adapter answers.
TARGETS = (
    r".*language_model\.layers\.\d+\."
    r"(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_up_proj|down_proj))"
)


def add_adapter(model: PreTrainedModel, rank: int, alpha: int) -> PeftModel:
    """Freezes the model and puts trainable products of two thin matrices beside its own."""
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def merge_adapter(model: PeftModel) -> PreTrainedModel:
    """The plain model, with the adapter's products added to its own matrices."""
    merged: PreTrainedModel = model.merge_and_unload()
    return merged
