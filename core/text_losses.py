"""The losses of single texts, with classes or without, as entries of the catalogue."""

from core.examples import DAMAGED_PAIRS, LABELLED_TEXTS, PLAIN_TEXTS
from core.loss_entries import SCALE
from core.loss_spec import LossParameter, LossSpec

TRIPLET_MARGIN = LossParameter("margin", 0.3, 0.01, 2.0, "how much farther, as 1 − cosine, the negative has to be")
NEEDS_DROPOUT = "a static model has no dropout, so a text would be compared with itself"
TEXT_LOSSES = (
    LossSpec(
        id="batch-all-triplet",
        title="Batch-all triplet",
        class_name="BatchAllTripletLoss",
        shapes=(LABELLED_TEXTS,),
        what_it_does="Makes every triplet that the labels of a batch allow, two texts of one class and one of another. "
        "Those that hold already are left out of the mean.",
        formula="mean of max(0, d(a, p) − d(a, n) + margin) over all triplets above 0,  d = 1 − cos",
        when="When texts have classes and the space is to be arranged by them.",
        paper="Hermans et al. 2017, In Defense of the Triplet Loss, arXiv:1703.07737, section 2",
        parameters=(TRIPLET_MARGIN,),
        by_label=True,
        cosine_distance=True,
    ),
    LossSpec(
        id="batch-hard-triplet",
        title="Batch-hard triplet",
        class_name="BatchHardTripletLoss",
        shapes=(LABELLED_TEXTS,),
        what_it_does="Takes for each text the farthest of its own class and the nearest of any other, and asks for a margin. "
        "The hardest triplets teach most, wrong labels too.",
        formula="max(0, max d(a, p) − min d(a, n) + margin),  d = 1 − cos",
        when="When classes are many and labels are clean.",
        paper="Hermans et al. 2017, arXiv:1703.07737, section 2",
        parameters=(TRIPLET_MARGIN,),
        by_label=True,
        cosine_distance=True,
    ),
    LossSpec(
        id="batch-semi-hard-triplet",
        title="Batch-semi-hard triplet",
        class_name="BatchSemiHardTripletLoss",
        shapes=(LABELLED_TEXTS,),
        what_it_does="Takes negatives that lie farther than the positive, but not by the margin. "
        "The very nearest, often a wrong label, are passed over.",
        formula="max(0, d(a, p) − d(a, n) + margin) for n just beyond p,  d = 1 − cos",
        when="When batch-hard collapses, or labels hold some mistakes.",
        paper="Schroff et al. 2015, FaceNet, arXiv:1503.03832, section 3.2",
        parameters=(TRIPLET_MARGIN,),
        by_label=True,
        cosine_distance=True,
    ),
    LossSpec(
        id="batch-hard-soft-margin-triplet",
        title="Batch-hard triplet with a soft margin",
        class_name="BatchHardSoftMarginTripletLoss",
        shapes=(LABELLED_TEXTS,),
        what_it_does="Batch-hard, with a smooth curve in place of the margin. "
        "Nothing has to be chosen, and every triplet goes on teaching a little.",
        formula="log(1 + exp(max d(a, p) − min d(a, n))),  d = 1 − cos",
        when="When no margin is known to be right.",
        paper="Hermans et al. 2017, arXiv:1703.07737, section 2",
        by_label=True,
        cosine_distance=True,
    ),
    LossSpec(
        id="mse",
        title="Distillation (MSE)",
        class_name="MSELoss",
        shapes=(PLAIN_TEXTS,),
        what_it_does="Moves each text's embedding to where a teacher model puts it. "
        "Texts alone are enough: a small model learns a large one's space.",
        formula="mean over dimensions of (u − teacher(text))²",
        when="To make a fast model out of a good one. The two need the same dimension.",
        paper="Reimers and Gurevych 2020, arXiv:2004.09813, section 2",
        teacher="model",
    ),
    LossSpec(
        id="denoising",
        title="Denoising auto-encoder (TSDAE)",
        class_name="DenoisingAutoEncoderLoss",
        shapes=(DAMAGED_PAIRS,),
        what_it_does="Deletes words from a text, and a decoder has to write the whole text again from the embedding alone. "
        "The embedding learns to hold what the text says. The noise is drawn anew in each epoch.",
        formula="−Σ log p(word of the original | words before it, embedding of the damaged text)",
        when="With texts and no labels at all, as a first step in a new domain.",
        paper="Wang et al. 2021, TSDAE, arXiv:2104.06979, section 3",
        not_static="its decoder is a copy of a transformer, and a static model is none",
    ),
    LossSpec(
        id="contrastive-tension",
        title="Contrastive tension (in batch)",
        class_name="ContrastiveTensionLossInBatchNegatives",
        shapes=(PLAIN_TEXTS,),
        what_it_does="Two copies of the model read the same texts: a text has to find itself in the other copy's batch. "
        "The copies drift apart, and what they agree on is kept.",
        formula="½·(MNR of copy 1 against copy 2 + MNR of copy 2 against copy 1), a text being its own positive",
        when="With texts and no labels; large batches.",
        paper="Carlsson et al. 2021, Semantic Re-tuning with Contrastive Tension, ICLR, section 3",
        parameters=(SCALE,),
        in_batch_negatives=True,
    ),
    LossSpec(
        id="simcse",
        title="SimCSE",
        class_name="MultipleNegativesRankingLoss",
        shapes=(PLAIN_TEXTS,),
        what_it_does="Each text is read twice, with other neurons dropped out, and has to find itself in the batch. "
        "What differs by chance is pulled together, all other texts are pushed apart.",
        formula="that of MNR, with the text itself, read a second time, as its positive",
        when="With texts and no labels. A trained model finds it too easy: choose large batches or a small scale.",
        paper="Gao et al. 2021, SimCSE, arXiv:2104.08821, section 3",
        parameters=(SCALE,),
        in_batch_negatives=True,
        not_static=NEEDS_DROPOUT,
        nests=True,
    ),
    LossSpec(
        id="masked-language-model",
        title="Masked language model",
        class_name="MaskedLanguageModelLoss",
        shapes=(PLAIN_TEXTS,),
        what_it_does="Hides words of a text, and the model has to guess them from the rest. "
        "It learns the words of a domain; the embedding of a whole text is not asked for.",
        formula="−Σ log p(hidden word | the other words)",
        when="As a first step in a new domain, before a loss that shapes the space.",
        paper="Devlin et al. 2019, BERT, arXiv:1810.04805, section 3.1",
        parameters=(LossParameter("masked_share", 0.15, 0.01, 0.9, "the share of words that are hidden"),),
        not_static="there are no other words to guess from: a static model reads each word alone",
    ),
)
