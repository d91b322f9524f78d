#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "detectors/anomaly_options.h"
#include "detectors/geometry.h"
#include "fusion/features.h"
#include "pipeline/comparison.h"

namespace ctclip {

/// What a bundle is made of. Roles are the keys under "files" in bundle.json.
enum class Role { ctclip, supervised, vocabulary, fusion, diffusion_classifier, diffusion_unet };
std::string_view role_name(Role role);

struct BundleFile {
  std::filesystem::path path;
  std::string sha256;  ///< as bundle.json says; of a pack, of what it was made from; or empty
  std::string packed_sha256 =
      {};  ///< of a pack itself, as bundle.json says; empty where it does not
};

/// A folder of models: what each file is, and the configuration that no file holds
/// (docs/models.md). Reading it opens no model.
struct Bundle {
  std::string name, provenance, licence;
  bool clinical = true;
  std::map<Role, BundleFile> files;
  Geometry3d geometry;
  int64_t text_heads = 12;
  AnomalyOptions anomaly;            ///< means something where the diffusion files are there
  std::vector<std::string> prompts;  ///< pathologies that CT-CLIP is asked for
  PathologyGroups groups;
  double threshold = 0.4;
  /// Of bf16 with f32, if somebody recorded one. No part of the configuration: no answer depends
  /// on it but by the choice of a precision (pipeline/precision_choice.h).
  std::optional<Comparison> comparison;

  /// "demo (synthetic phantoms, not for patients)"
  std::string title() const;
};

/// `folder` with a bundle.json, or with just the deployed names, which then mean the reference's
/// configuration. The environment variables of existing deployments (CTCLIP_MODEL_PATH,
/// SUPERVISED_MODEL_PATH, LIGHTGBM_MODEL_PATH, DIFFUSION_CLASSIFIER_PATH, DIFFUSION_UNET_PATH)
/// replace files, OPTIMAL_THRESHOLD the threshold, CLASSIFIER_SCALE the guidance; with them
/// `folder` may be empty. Throws Error{bad_model}: the file, what was expected, what was found.
Bundle open_bundle(const std::filesystem::path& folder);

/// Whether a variable of an existing deployment names a file of a bundle.
bool environment_names_models();

/// Writes bundle.json for `bundle` into `folder`, paths relative to it.
void write_bundle(const Bundle& bundle, const std::filesystem::path& folder);

/// Lower-case hexadecimal SHA-256 of a file. Throws Error{bad_model} where it cannot be read.
std::string sha256_of(const std::filesystem::path& file);

/// SHA-256 of a file of a bundle; for a pack, of the file it was made from, as the pack tells.
/// Throws Error{bad_model} where it is not what bundle.json says: both hashes.
std::string source_sha256(const BundleFile& file);

/// Hash of the whole: of each file's role and source_sha256, which throws, and of the
/// configuration. A pack changes nothing of it: answers are the same.
std::string bundle_hash(const Bundle& bundle);

/// The same, but a file whose hash bundle.json states is not read: the hash is taken at its word.
/// Pipeline, which asks for `bundle_hash`, refuses the bundle if that was wrong.
std::string stated_bundle_hash(const Bundle& bundle);

/// Reads every pack to its end. Throws Error{bad_model} where one is not what bundle.json says.
void check_packs(const Bundle& bundle);

}  // namespace ctclip
