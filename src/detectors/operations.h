#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "models/ct_vit.h"

namespace ctclip {

/// Multiplications and additions of CT-CLIP's image encoder for one volume, by the definition of
/// its products and its convolution (two for each multiply-accumulate), from the shapes in a state
/// dict. The position bias is left out: it does not depend on the study. `weights` as for
/// ImageEncoder. Throws Error{bad_model} where a tensor is missing.
int64_t encoder_operations(const Weights& weights, const models::CtVitGeometry& geometry);

}  // namespace ctclip
