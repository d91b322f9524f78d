#include "nn/precision.h"

#include <fmt/format.h>

#include <dnnl.hpp>

#include "base/error.h"
#include "nn/kernels.h"

namespace ctclip::nn {

bool multiplies_bf16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

void follow_onednn_limit() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
    case dnnl::cpu_isa::avx:
      limit_instruction_set("SSE4");
      break;
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      limit_instruction_set("AVX2");
      break;
    default:
      break;
  }
}

Precision precision_of(std::string_view name, bool has_bf16) {
  if (name == "f32") return Precision::f32;
  if (name != "bf16") {
    throw Error(Code::usage,
                fmt::format("precision: expected auto, f32 or bf16, found \"{}\"", name));
  }
  if (!has_bf16) {
    throw Error(Code::usage,
                "precision: bf16 was asked for, but this processor does not multiply "
                "bfloat16 (AVX512-BF16); expected f32 or auto");
  }
  return Precision::bf16;
}

std::string_view precision_name(Precision precision) {
  return precision == Precision::bf16 ? "bf16" : "f32";
}

std::string packing_machine() {
  const dnnl_version_t& version = *dnnl_version();
  const auto name = [] {
    switch (dnnl::get_effective_cpu_isa()) {
      case dnnl::cpu_isa::avx512_core_amx:
        return "AVX-512 with AMX";
      case dnnl::cpu_isa::avx512_core_bf16:
        return "AVX-512 with BF16";
      case dnnl::cpu_isa::avx512_core_vnni:
        return "AVX-512 with VNNI";
      case dnnl::cpu_isa::avx512_core:
        return "AVX-512";
      case dnnl::cpu_isa::avx2_vnni:
        return "AVX2 with VNNI";
      case dnnl::cpu_isa::avx2:
        return "AVX2";
      default:
        return "another instruction set";
    }
  };
  return fmt::format("{}, oneDNN {}.{}.{}", name(), version.major, version.minor, version.patch);
}

}  // namespace ctclip::nn
