#pragma once

#include <string>
#include <string_view>

#include "nn/engine.h"

namespace ctclip::nn {

/// Whether the processor multiplies bfloat16 itself (AVX512-BF16 and what came after it). Elsewhere
/// bf16 would be slower than float32, where it works at all.
bool multiplies_bf16();

/// Limits the kernels of this program to what oneDNN uses: its variable ONEDNN_MAX_CPU_ISA limits
/// both, to find out how an older processor would do. Before anything computes.
void follow_onednn_limit();

/// "f32" or "bf16". Throws Error{usage} for another name, and for bf16 on a processor without it;
/// `has_bf16`: multiplies_bf16() of that processor.
Precision precision_of(std::string_view name, bool has_bf16);
std::string_view precision_name(Precision precision);

/// The instruction set and the library that the layouts of packed weights are chosen for here:
/// "AVX-512 with BF16, oneDNN 2.6.0".
std::string packing_machine();

}  // namespace ctclip::nn
