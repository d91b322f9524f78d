"""OpenVINO: latency hint, the inference precision that is asked for, the model through ONNX or straight
from PyTorch (which keeps scaled dot product attention as one operator)."""

import openvino

import networks

VERSION = f"OpenVINO {openvino.__version__.split('-')[0]}"
BATCH = 1


def prepare(options):
    batch = options.batch or BATCH
    variant = options.variant or "from PyTorch"
    core = openvino.Core()
    if variant == "from PyTorch":
        example = networks.example(options.network, batch)
        model = openvino.convert_model(networks.build(options.network, options.models), example_input=example,
                                       input=list(example.shape))
    else:
        model = core.read_model(networks.exported(options.network, options.models, options.cache, batch))
    compiled = core.compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": options.precision})
    request = compiled.create_infer_request()
    inputs = networks.batches(options.network, options.cache, batch)

    def call():
        outputs = []
        for x in inputs:
            outputs.append(request.infer([x])[0].copy())
        return networks.answer(options.network, outputs)

    return call, {"variant": variant}
