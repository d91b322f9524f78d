#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ctclip {

/// A LightGBM text model (v4, objective binary, 100 trees of 31 leaves) over `feature_names` with
/// random splits in (0, 1) and random leaves: for benchmarks and tests, it knows nothing. Its
/// counts are consistent, so SHAP values are defined. Equal arguments give an equal text on every
/// machine. Names are written in LightGBM's spelling; throws Error{bad_parameter} where there are
/// none, one is empty or holds a character that LightGBM refuses, or two become equal.
std::string random_fusion_text(std::vector<std::string> feature_names, uint64_t seed);

}  // namespace ctclip
