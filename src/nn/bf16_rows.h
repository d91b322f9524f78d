#pragma once

#include <cstdint>

#include "base/bfloat16.h"

namespace ctclip::nn {

/// What becomes of rows before their products in bfloat16, single-threaded; only for a processor
/// that `multiplies_bf16`. They never validate.

/// out = x, rounded to the nearest.
void round_values(const float* x, int64_t count, Bfloat16* out);

/// |x - rounded|, the Euclidean norm of what rounding took away.
float rounding_distance(const float* x, const Bfloat16* rounded, int64_t count);

/// As `geglu` and then rounded. gelu(g) = g / (1 + exp(-l(g))), where l
/// is a polynomial for the logit of the normal distribution: to some 2e-4 of the value where
/// g > -5, and to 3e-7 |g| below; rounding takes 4e-3 of it.
void geglu_bf16(const float* x, int64_t rows, int64_t dim, Bfloat16* out);

}  // namespace ctclip::nn
