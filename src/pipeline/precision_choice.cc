#include "pipeline/precision_choice.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "nn/precision.h"

namespace ctclip {
namespace {

PrecisionChoice reference(std::string reason) { return {nn::Precision::f32, std::move(reason)}; }

PrecisionChoice choose_for(const Bundle& bundle, bool has_bf16) {
  if (!has_bf16) return reference("auto: this processor does not multiply bfloat16 (AVX512-BF16)");
  if (!bundle.comparison) {
    return reference(
        "auto: the bundle records no comparison of bf16 with f32 (ctclip models compare)");
  }
  const Comparison& recorded = *bundle.comparison;
  if (recorded.bundle_sha256 != stated_bundle_hash(bundle)) {
    return reference(fmt::format(
        "auto: the recorded comparison of bf16 with f32, of {}, is of other models or another "
        "configuration; compare again (ctclip models compare)",
        recorded.date));
  }
  return {nn::Precision::bf16,
          fmt::format("auto: compared with f32 on {} by ctclip {}: {}", recorded.date,
                      recorded.version, recorded.summary()),
          recorded};
}

}  // namespace

PrecisionChoice choose_precision(std::string_view asked, const Bundle& bundle, bool has_bf16) {
  if (asked == "auto") return choose_for(bundle, has_bf16);
  return {.precision = nn::precision_of(asked, has_bf16)};
}

PrecisionChoice choose_precision(std::string_view asked, const Bundle& bundle) {
  return choose_precision(asked, bundle, nn::multiplies_bf16());
}

void describe_precision(const PrecisionChoice& choice, nlohmann::ordered_json& node) {
  node["precision"] = nn::precision_name(choice.precision);
  node["precision_reason"] = choice.reason;
  if (choice.comparison) node["comparison"] = comparison_json(*choice.comparison);
}

}  // namespace ctclip
