"""OpenVINO: latency hint and the inference precision that is asked for; the model through ONNX."""

import openvino

import networks

VERSION = f"OpenVINO {openvino.__version__.split('-')[0]}"
BATCH = 1


def prepare(options):
    batch = options.batch or BATCH
    core = openvino.Core()
    path = networks.exported(options.network, options.models, options.cache, batch)
    compiled = core.compile_model(path, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": options.precision})
    request = compiled.create_infer_request()
    inputs = networks.batches(options.network, options.cache, batch)

    def call():
        outputs = []
        for x in inputs:
            outputs.append(request.infer([x])[0].copy())
        return networks.answer(options.network, outputs)

    return call, {"variant": ""}
