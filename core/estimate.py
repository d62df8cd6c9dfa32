"""How much memory training will need, reckoned before it starts. No torch: the page asks as well.

What is counted: on a CPU the largest resident set of the worker's whole process (VmHWM, what `measured_peak` reads at its
end). Pages that a forked worker shares with the preloaded supervisor count in full, as the kernel counts them: about 400 MB
that a second worker would not need again. On a GPU it is what PyTorch reserves there, without CUDA's own context.

The sizes follow from the architecture: what each layer keeps for the backward pass was counted with
`torch.autograd.graph.saved_tensors_hooks`; a few constants were fitted to the measured peaks of real workers
(`python -m tests.benchmarks.memory`). GPU figures follow from the same counts and were not measured.
"""

CPU, FP32 = "cpu", "fp32"
MOST_SHARE_OF_FREE = 0.9
GIGABYTE, MEGABYTE = 1e9, 1e6
WEIGHT = 4
# AdamW keeps two moments of each weight.
MOMENTS = 2 * WEIGHT
# The worker with all libraries, a tokenizer and a small file of rows, before there is a model.
LIBRARIES = 540 * MEGABYTE
CUDA_CONTEXT = 500 * MEGABYTE
# Text columns as pandas and as Arrow hold them.
BYTES_A_TEXT, BYTES_A_TOKEN = 200, 10
