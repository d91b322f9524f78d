"""PyTorch: channels last, bfloat16 by autocast or by bfloat16 weights, compiled or not."""

import contextlib

import torch

import networks

VERSION = f"PyTorch {torch.__version__}"
BATCH = 4
# The quickest of those tried for each network and precision; README.md has the others.
BEST = {("encoder", "f32"): "compiled", ("encoder", "bf16"): "eager",
        ("slices", "f32"): "eager", ("slices", "bf16"): "eager"}


def prepare(options):
    torch.set_num_threads(options.threads)
    batch = options.batch or BATCH
    variant = options.variant or BEST[options.network, options.precision]
    module = networks.build(options.network, options.models)
    inputs = [torch.from_numpy(x) for x in networks.batches(options.network, options.cache, batch)]
    if options.network == "slices":
        module = module.to(memory_format=torch.channels_last)
        inputs = [x.to(memory_format=torch.channels_last) for x in inputs]
    context = contextlib.nullcontext
    if options.precision == "bf16" and "autocast" in variant:
        context = lambda: torch.autocast("cpu", torch.bfloat16)
    elif options.precision == "bf16":
        module = module.bfloat16()
        inputs = [x.bfloat16() for x in inputs]
    if "compiled" in variant:
        module = torch.compile(module)

    def call():
        with torch.inference_mode(), context():
            outputs = [module(x) for x in inputs]
        return networks.answer(options.network, [y.float().numpy() for y in outputs])

    return call, {"variant": variant}
