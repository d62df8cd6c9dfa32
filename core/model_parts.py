"""What is changed of a loaded model before training: its pooling, frozen layers, LoRA's matrices, prompts, and length."""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from torch import nn

from core.base_models import max_positions
from core.errors import ConfigError
from core.prompts import QUERY, library_prompts

# How much more LoRA's matrices count than their own numbers: alpha = 2 r, as most of its users set it.
LORA_SCALE = 2


def replace_pooling(model: SentenceTransformer, mode: str) -> None:
    """Make one vector of a text's token vectors in another way, such as "cls" or "mean".

    Raises:
        ConfigError: the model has no pooling of its own.
    """
    for place, module in enumerate(model):
        if isinstance(module, Pooling):
            model[place] = Pooling(module.embedding_dimension, mode)
            return
    raise ConfigError("pooling", "this model has no pooling that could be replaced; leave it empty.")


def transformer_of(model: SentenceTransformer) -> Any:
    """Return the transformers model that reads the texts, or None for a static model."""
    return getattr(model[0], "auto_model", None)


def layers_of(model: SentenceTransformer) -> list[nn.Module]:
    """Return a transformer's layers from the bottom up, whatever its architecture calls them; none where they cannot be told."""
    transformer = transformer_of(model)
    count = getattr(getattr(transformer, "config", None), "num_hidden_layers", None)
    stacks = [] if transformer is None else [each for each in transformer.modules() if isinstance(each, nn.ModuleList)]
    return next((list(stack) for stack in stacks if len(stack) == count), [])


def freeze_layers(model: SentenceTransformer, frozen_layers: int) -> None:
    """Train only the layers above the lowest `frozen_layers`, and neither word vectors nor positions; 0 freezes nothing.

    Raises:
        ConfigError: that leaves nothing to train, or the layers cannot be told.
    """
    layers = layers_of(model)
    if not frozen_layers:
        return
    if frozen_layers >= len(layers):
        raise ConfigError(
            "frozen_layers", f"{frozen_layers} of this model's {len(layers)} layers cannot be frozen; choose fewer."
        )
    trained = {id(weight) for layer in layers[frozen_layers:] for weight in layer.parameters()}
    for weight in transformer_of(model).parameters():
        if id(weight) not in trained:
            weight.requires_grad = False


def add_adapters(model: SentenceTransformer, rank: int, seed: int) -> None:
    """Add a product of two small matrices to each linear layer, and train these alone; untrained they change nothing.

    LoRA: Hu et al. 2021, arXiv:2106.09685.
    """
    transformer = transformer_of(model)
    inside = {id(module) for layer in layers_of(model) for module in layer.modules()}
    linear = [name for name, module in transformer.named_modules() if isinstance(module, nn.Linear) and id(module) in inside]
    config = LoraConfig(r=rank, lora_alpha=LORA_SCALE * rank, lora_dropout=0.0, bias="none", target_modules=linear)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        # The model's own add_adapter asks for the very latest peft; this is what it calls.
        inject_adapter_in_model(config, transformer)


def merge_adapters(model: SentenceTransformer) -> None:
    """Add LoRA's products to the weights and take its matrices out: the model saves and loads as if it had none.

    A model without adapters is left as it is.
    """
    transformer = transformer_of(model)
    if not hasattr(transformer, "peft_config"):
        return
    for name, module in list(transformer.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            transformer.set_submodule(name, module.get_base_layer())
    del transformer.peft_config


def leave_mixed_precision(model: nn.Module) -> None:
    """Take off what a trainer in bf16 or fp16 has put around the model: without it, the model goes on computing so afterwards.

    Its scores would not be those of the model that is saved.
    """
    extract_model_from_parallel(model, keep_fp32_wrapper=False)


def set_prompts(model: SentenceTransformer, prompts: Mapping[str, str]) -> None:
    """Put prompts by role into the model, which saves them; plain `encode` takes a text for a query."""
    model.prompts = library_prompts(prompts)
    model.default_prompt_name = QUERY if prompts else None


def limit_length(model: SentenceTransformer, max_seq_length: int) -> None:
    """Cut texts after so many tokens; a static model's limit lies in its tokenizer.

    Raises:
        ConfigError: the model cannot read texts of that length.
    """
    first = model[0]
    if isinstance(first, StaticEmbedding):
        first.tokenizer.enable_truncation(max_seq_length)
        return
    config = getattr(transformer_of(model), "config", None)
    most = (max_positions(config.to_dict()) if config is not None else None) or max_seq_length
    if max_seq_length > most:
        raise ConfigError("max_seq_length", f"{max_seq_length} is more than this model reads; choose {most} or less.")
    model.max_seq_length = max_seq_length


def keep_fewer_activations(model: torch.nn.Module) -> None:
    """Reckon activations again in the backward pass in place of keeping them (Chen et al. 2016, arXiv:1604.06174).

    Raises:
        ConfigError: the model keeps none that could be left out.
    """
    able: list[Any] = [part for part in model.modules() if getattr(part, "supports_gradient_checkpointing", False)]
    if not able:
        raise ConfigError("gradient_checkpointing", "this model keeps no activations that could be left out; switch it off.")
    for part in able:
        part.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
