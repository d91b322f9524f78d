#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "nn/engine.h"
#include "pipeline/bundle.h"

namespace ctclip {

/// How the networks of a bundle compute, and why.
struct PrecisionChoice {
  nn::Precision precision = nn::Precision::f32;
  std::string reason = "it was asked for";
  /// What the bundle recorded, if that was asked and speaks for this bundle.
  std::optional<Comparison> comparison = {};
};

/// "f32" or "bf16" as asked; "auto": f32, unless the processor multiplies bfloat16 and the bundle
/// records that bf16 was compared with f32 on studies of its owner, by just these models and this
/// configuration. `has_bf16`: of the processor. Throws Error{usage} for another name and for bf16
/// on a processor without it, Error{bad_model} if a model that bundle.json states no hash of cannot
/// be read.
PrecisionChoice choose_precision(std::string_view asked, const Bundle& bundle, bool has_bf16);
/// The same for this processor.
PrecisionChoice choose_precision(std::string_view asked, const Bundle& bundle);

/// Adds `precision`, `precision_reason` and, if there is one, `comparison` to `node`.
void describe_precision(const PrecisionChoice& choice, nlohmann::ordered_json& node);

}  // namespace ctclip
