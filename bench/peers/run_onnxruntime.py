"""ONNX Runtime: all graph optimisations. float32 only: on x86 its CPU provider has no bfloat16 products."""

import onnxruntime

import networks

VERSION = f"ONNX Runtime {onnxruntime.__version__}"
BATCH = 1


def prepare(options):
    if options.precision != "f32":
        raise SystemExit("ONNX Runtime's CPU provider has no bf16 products on this processor")
    batch = options.batch or BATCH
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Spinning threads would take the core from whoever's turn is next.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    path = networks.exported(options.network, options.models, options.cache, batch)
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    inputs = networks.batches(options.network, options.cache, batch)

    def call():
        return networks.answer(options.network, [session.run(None, {"x": x})[0] for x in inputs])

    return call, {"variant": "all optimisations"}
