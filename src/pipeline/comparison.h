#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ctclip {

/// How far values of one kind differ in size between two precisions.
struct Spread {
  int64_t values = 0;
  double median = 0, percentile_95 = 0, largest = 0;
};

/// What a bundle records of bf16 against f32 on studies of its owner: counts and distributions,
/// nothing of any study (docs/models.md, "comparison"). It speaks for one bundle only, by its hash.
struct Comparison {
  static constexpr std::string_view kKey = "comparison";  ///< in bundle.json
  /// Kinds of values, in the order in which they are shown. Latents differ by an angle in degrees,
  /// the others by a probability.
  static constexpr std::array<std::string_view, 6> kKinds = {
      "probability_of_pathology", "ctclip",        "supervised",
      "diffusion_classifier",     "ctclip_latent", "supervised_latent"};

  struct Kind {
    std::string name;  ///< one of kKinds
    Spread spread;
  };

  std::string bundle_sha256;  ///< bundle_hash() of the bundle that answered
  std::string date;           ///< UTC: 2026-03-01
  std::string version;        ///< of the program
  int64_t studies = 0;        ///< different ones, answered in both
  int64_t flipped = 0;        ///< whose `pathology` is another in bf16
  int64_t other_type = 0;     ///< whose `most_dangerous_pathology_type` is another
  std::vector<Kind> differences;

  /// "60 studies, 0 decisions flipped, probability_of_pathology differs by 0.0848 at most"
  std::string summary() const;
};

/// Whether the values of this kind are angles.
bool is_angle(std::string_view kind);

/// A difference as people read it: "0.0012", "7.2e-05".
std::string shown_difference(double value);

/// As bundle.json, /ready and `details` have it.
nlohmann::ordered_json comparison_json(const Comparison& comparison);

/// Reads the same. Throws Error{bad_model} for what it is not: the file, the field, what was
/// expected.
Comparison read_comparison(const nlohmann::json& node, const std::filesystem::path& file);

/// Throws Error{bad_model} if `record_comparison` could not write: no bundle.json, or no right to
/// replace it. To be asked before hours of work.
void require_record(const std::filesystem::path& folder);

/// Puts the comparison into the folder's bundle.json in the place of an earlier one. The rest of
/// the file keeps its content and order; it is replaced at once, owner and mode stay. Throws as
/// `require_record` does.
void record_comparison(const std::filesystem::path& folder, const Comparison& comparison);

}  // namespace ctclip
