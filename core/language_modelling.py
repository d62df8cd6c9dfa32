"""Masked language modelling under the sentence trainer: hide words, and let the encoder guess them (Devlin et al. 2019)."""

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForMaskedLM, DataCollatorForLanguageModeling

from core.errors import ConfigError


class MaskedLanguageModelLoss(torch.nn.Module):
    """Cross-entropy of the hidden words. Of ten hidden ones eight are masked, one is another word, one stays (section 3.1).

    The head that names words is new unless the model brought one; it is tied to the word vectors, trained along and
    thrown away. `masked_share` is the share of words that are hidden, 0..1.

    Raises:
        ConfigError: the model has no mask, or its kind has no head for words.
    """

    def __init__(self, model: SentenceTransformer, masked_share: float = 0.15) -> None:
        super().__init__()
        self.model = model
        if model.tokenizer.mask_token is None:
            raise ConfigError("loss", "this model's tokenizer has no mask; choose simcse or another base_model.")
        transformer = model[0].auto_model
        try:
            self.speaker = AutoModelForMaskedLM.from_config(transformer.config)
        except ValueError as error:
            raise ConfigError("loss", "this kind of model has no head that names words; choose simcse.") from error
        # The speaker's own encoder makes place for the one that is trained.
        setattr(self.speaker, self.speaker.base_model_prefix, transformer)
        self.speaker.tie_weights()
        self._hide = DataCollatorForLanguageModeling(model.tokenizer, mlm_probability=masked_share)

    def forward(self, sentence_features: Iterable[dict[str, torch.Tensor]], labels: Any = None) -> torch.Tensor:
        """Return the mean loss over the hidden words of (batch, tokens)."""
        (features,) = sentence_features
        ids, wanted = self._hide.torch_mask_tokens(features["input_ids"].clone().cpu(), self._special(features["input_ids"]))
        device = features["input_ids"].device
        answer = self.speaker(input_ids=ids.to(device), attention_mask=features["attention_mask"], labels=wanted.to(device))
        # A batch in which nothing happened to be hidden teaches nothing: its mean is over no words.
        return torch.nan_to_num(answer.loss) if not (wanted != -100).any() else answer.loss

    def _special(self, ids: torch.Tensor) -> torch.Tensor:
        special = torch.tensor(self.model.tokenizer.all_special_ids)
        return torch.isin(ids.cpu(), special)
