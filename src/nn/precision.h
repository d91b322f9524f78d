#pragma once

#include <string_view>

#include "nn/engine.h"

namespace ctclip::nn {

/// Whether the processor multiplies bfloat16 itself (AVX512-BF16 and what came after it). Elsewhere
/// bf16 would be slower than float32, where it works at all.
bool multiplies_bf16();

/// "f32", "bf16", or "auto": bf16 where the processor multiplies it. Throws Error{usage} for
/// another name, and for bf16 on a processor without it.
Precision choose_precision(std::string_view name);
std::string_view precision_name(Precision precision);

}  // namespace ctclip::nn
