#include "pipeline/bundle.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/packed.h"
#include "detectors/ctclip.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

struct RoleFacts {
  Role role;
  std::string_view name;
  const char* variable;                      // of existing deployments; null where there is none
  std::array<std::string_view, 2> defaults;  // file names of existing deployments
  bool optional = false;
};
constexpr std::array kRoles = {
    RoleFacts{Role::ctclip, "ctclip", "CTCLIP_MODEL_PATH", {"CT_VocabFine_v2.pt", "CT-CLIP_v2.pt"}},
    RoleFacts{Role::supervised, "supervised", "SUPERVISED_MODEL_PATH", {"supervised_model.pt", ""}},
    RoleFacts{Role::vocabulary, "vocabulary", nullptr, {"vocab.txt", ""}},
    RoleFacts{Role::fusion,
              "fusion",
              "LIGHTGBM_MODEL_PATH",
              {"lightgbm_model.pkl", "lightgbm_model.txt"}},
    RoleFacts{Role::diffusion_classifier,
              "diffusion_classifier",
              "DIFFUSION_CLASSIFIER_PATH",
              {"ct_classifier.pt", ""},
              true},
    RoleFacts{Role::diffusion_unet,
              "diffusion_unet",
              "DIFFUSION_UNET_PATH",
              {"diffusion_checkpoint.pt", ""},
              true},
};

[[noreturn]] void refuse(const fs::path& file, const std::string& what) {
  throw Error(Code::bad_model, file.string() + ": " + what);
}

/// Throws for a fraction and for what no cast to 64 bits may see, as the library does for a string.
int64_t whole(const json& node) {
  if (node.is_number_float()) {
    throw json::type_error::create(302, "a whole number must be one, without a point", &node);
  }
  return node.get<int64_t>();
}

int64_t whole(const json& node, const char* name, int64_t otherwise) {
  return node.contains(name) ? whole(node.at(name)) : otherwise;
}

Geometry3d read_geometry(const json& node) {
  Geometry3d geometry;
  geometry.spacing = node.at("spacing_mm").get<std::array<float, 3>>();
  geometry.vit.frames = whole(node.at("frames"));
  geometry.vit.height = whole(node.at("height"));
  geometry.vit.width = whole(node.at("width"));
  geometry.vit.patch_frames = whole(node.at("patch").at("temporal"));
  geometry.vit.patch = whole(node.at("patch").at("spatial"));
  return geometry;
}

AnomalyOptions read_anomaly(const json& node) {
  AnomalyOptions options;
  options.image_size = whole(node, "image_size", options.image_size);
  options.classifier_head_size =
      whole(node, "classifier_head_channels", options.classifier_head_size);
  options.unet_heads = whole(node, "unet_heads", options.unet_heads);
  ReconstructionSettings& how = options.reconstruction;
  how.slices = whole(node, "slices", how.slices);
  how.steps = whole(node, "steps", how.steps);
  how.noise_level = whole(node, "noise_level", how.noise_level);
  how.scale = node.value("classifier_scale", how.scale);
  return options;
}

ordered_json geometry_text(const Geometry3d& geometry) {
  const auto& vit = geometry.vit;
  return {{"spacing_mm", geometry.spacing},
          {"frames", vit.frames},
          {"height", vit.height},
          {"width", vit.width},
          {"patch", {{"temporal", vit.patch_frames}, {"spatial", vit.patch}}}};
}

ordered_json anomaly_text(const AnomalyOptions& options) {
  return {{"image_size", options.image_size},
          {"classifier_head_channels", options.classifier_head_size},
          {"unet_heads", options.unet_heads},
          {"slices", options.reconstruction.slices},
          {"steps", options.reconstruction.steps},
          {"noise_level", options.reconstruction.noise_level},
          {"classifier_scale", options.reconstruction.scale}};
}

bool has_anomaly(const Bundle& bundle) {
  return bundle.files.contains(Role::diffusion_classifier) ||
         bundle.files.contains(Role::diffusion_unet);
}

void check_geometry(const Geometry3d& geometry, const fs::path& file) {
  constexpr int64_t kLargest = 4096;
  const auto& vit = geometry.vit;
  for (const int64_t size : {vit.frames, vit.height, vit.width, vit.patch_frames, vit.patch}) {
    if (size < 1 || size > kLargest) {
      refuse(file,
             fmt::format("expected sizes of 1 to {} in \"geometry\", found {}", kLargest, size));
    }
  }
  for (const float spacing : geometry.spacing) {
    if (!(spacing > 0.01F && spacing < 100))
      refuse(file, fmt::format("expected a spacing in mm, found {}", spacing));
  }
}

void read_configuration(const json& root, const fs::path& file, Bundle& bundle) {
  bundle.name = root.at("name").get<std::string>();
  bundle.provenance = root.value("provenance", "");
  bundle.licence = root.value("licence", "");
  bundle.clinical = root.value("clinical", true);
  bundle.threshold = root.value("threshold", bundle.threshold);
  bundle.prompts = root.value("prompts", bundle.prompts);
  bundle.groups = root.value("groups", PathologyGroups{});
  if (root.contains("geometry")) bundle.geometry = read_geometry(root.at("geometry"));
  if (root.contains("text_encoder")) bundle.text_heads = whole(root.at("text_encoder").at("heads"));
  if (root.contains("anomaly")) bundle.anomaly = read_anomaly(root.at("anomaly"));
  check_geometry(bundle.geometry, file);
  const std::string comparison(Comparison::kKey);
  if (root.contains(comparison)) bundle.comparison = read_comparison(root.at(comparison), file);
  for (const auto& [name, node] : root.at("files").items()) {
    const auto* known = std::ranges::find(kRoles, name, &RoleFacts::name);
    if (known == kRoles.end()) refuse(file, fmt::format("does not know a file for \"{}\"", name));
    bundle.files[known->role] = {file.parent_path() / node.at("path").get<std::string>(),
                                 node.value("sha256", ""), node.value("packed_sha256", "")};
  }
}

void read_bundle_json(const fs::path& file, Bundle& bundle) {
  std::ifstream stream(file);
  try {
    read_configuration(json::parse(stream), file, bundle);
  } catch (const json::exception& error) {
    refuse(file, fmt::format("expected the fields of docs/models.md: {}", error.what()));
  }
}

void find_deployed_names(const fs::path& folder, Bundle& bundle) {
  bundle.licence =
      "not stated; the published CT-CLIP weights are CC BY-NC-SA 4.0: not for commercial use";
  bundle.name = folder.filename().empty() ? folder.parent_path().filename() : folder.filename();
  for (const RoleFacts& facts : kRoles) {
    for (const std::string_view name : facts.defaults) {
      if (!name.empty() && !bundle.files.contains(facts.role) && fs::exists(folder / name)) {
        bundle.files[facts.role] = {folder / name, ""};
      }
    }
  }
}

double read_threshold(const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= 0 && value <= 1)) {
    throw Error(
        Code::bad_model,
        fmt::format("OPTIMAL_THRESHOLD: expected a number from 0 to 1, found \"{}\"", text));
  }
  return value;
}

double read_scale(const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !std::isfinite(value)) {
    throw Error(Code::bad_model,
                fmt::format("CLASSIFIER_SCALE: expected a number, found \"{}\"", text));
  }
  return value;
}

/// What the variable of an existing deployment says; null where it says nothing.
const char* named_file(const RoleFacts& facts) {
  const char* set = facts.variable == nullptr ? nullptr : std::getenv(facts.variable);
  return set == nullptr || *set == '\0' ? nullptr : set;
}

void apply_environment(Bundle& bundle) {
  for (const RoleFacts& facts : kRoles) {
    if (const char* set = named_file(facts)) bundle.files[facts.role] = {set, ""};
  }
  if (const char* set = std::getenv("OPTIMAL_THRESHOLD"); set != nullptr && *set != '\0') {
    bundle.threshold = read_threshold(set);
  }
  if (const char* set = std::getenv("CLASSIFIER_SCALE"); set != nullptr && *set != '\0') {
    bundle.anomaly.reconstruction.scale = read_scale(set);
  }
}

void require_files(const Bundle& bundle, const fs::path& folder) {
  for (const RoleFacts& facts : kRoles) {
    const auto found = bundle.files.find(facts.role);
    if (found == bundle.files.end()) {
      if (facts.optional) continue;
      const std::string variable =
          facts.variable == nullptr ? "" : fmt::format(" (or set {})", facts.variable);
      refuse(folder.empty() ? "models" : folder,
             fmt::format("expected a file {}{}, found none", facts.defaults[0], variable));
    }
    if (!fs::is_regular_file(found->second.path)) refuse(found->second.path, "is no file");
  }
  if (bundle.files.contains(Role::diffusion_unet) &&
      !bundle.files.contains(Role::diffusion_classifier)) {
    refuse(bundle.files.at(Role::diffusion_unet).path,
           "expected the slice classifier that guides it (diffusion_classifier) beside it");
  }
}

std::string configuration_text(const Bundle& bundle) {
  ordered_json all({{"geometry", geometry_text(bundle.geometry)},
                    {"heads", bundle.text_heads},
                    {"prompts", bundle.prompts},
                    {"groups", bundle.groups},
                    {"threshold", bundle.threshold}});
  if (has_anomaly(bundle)) all["anomaly"] = anomaly_text(bundle.anomaly);
  return all.dump();
}

template <class HashOf>
std::string hash_with(const Bundle& bundle, HashOf hash_of) {
  Sha256 all;
  for (const auto& [role, file] : bundle.files) {
    all.add(fmt::format("{} {}\n", role_name(role), hash_of(file)));
  }
  all.add(configuration_text(bundle));
  return all.hex();
}

}  // namespace

std::string_view role_name(Role role) {
  return std::ranges::find(kRoles, role, &RoleFacts::role)->name;
}

std::string Bundle::title() const {
  return clinical || name.find("not for patients") != std::string::npos
             ? name
             : name + " (not for patients)";
}

bool environment_names_models() {
  return std::ranges::any_of(kRoles, [](const RoleFacts& facts) { return named_file(facts); });
}

Bundle open_bundle(const fs::path& folder) {
  Bundle bundle;
  bundle.prompts = reference_pathologies();
  if (!folder.empty()) {
    if (!fs::is_directory(folder)) refuse(folder, "is no folder with models");
    if (fs::exists(folder / "bundle.json")) {
      read_bundle_json(folder / "bundle.json", bundle);
    } else {
      find_deployed_names(folder, bundle);
    }
  }
  apply_environment(bundle);
  require_files(bundle, folder);
  if (bundle.name.empty())
    bundle.name = bundle.files.at(Role::ctclip).path.parent_path().filename();
  if (!(bundle.threshold >= 0 && bundle.threshold <= 1))
    refuse(folder, fmt::format("expected a threshold from 0 to 1, found {}", bundle.threshold));
  return bundle;
}

void write_bundle(const Bundle& bundle, const fs::path& folder) {
  ordered_json files;
  for (const auto& [role, file] : bundle.files) {
    ordered_json& node = files[std::string(role_name(role))];
    node["path"] = fs::relative(file.path, folder).string();
    if (!file.sha256.empty()) node["sha256"] = file.sha256;
    if (!file.packed_sha256.empty()) node["packed_sha256"] = file.packed_sha256;
  }
  ordered_json root = {{"name", bundle.name},
                       {"provenance", bundle.provenance},
                       {"licence", bundle.licence},
                       {"clinical", bundle.clinical},
                       {"files", files},
                       {"geometry", geometry_text(bundle.geometry)},
                       {"text_encoder", {{"heads", bundle.text_heads}}},
                       {"prompts", bundle.prompts},
                       {"groups", bundle.groups},
                       {"threshold", bundle.threshold}};
  if (has_anomaly(bundle)) root["anomaly"] = anomaly_text(bundle.anomaly);
  if (bundle.comparison) root[std::string(Comparison::kKey)] = comparison_json(*bundle.comparison);
  std::ofstream stream(folder / "bundle.json");
  stream << root.dump(2) << '\n';
  if (!stream.flush())
    throw Error(Code::internal, (folder / "bundle.json").string() + ": cannot be written");
}

std::string sha256_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse(file, "cannot be read");
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.eof()) refuse(file, "cannot be read to its end");
  return hash.hex();
}

std::string source_sha256(const BundleFile& file) {
  const auto pack = pack_facts(file.path);
  std::string found = pack ? pack->source_sha256 : sha256_of(file.path);
  if (!file.sha256.empty() && file.sha256 != found) {
    refuse(file.path, fmt::format("expected {}SHA-256 {}, found {}",
                                  pack ? "a pack of the file with " : "", file.sha256, found));
  }
  return found;
}

std::string bundle_hash(const Bundle& bundle) { return hash_with(bundle, source_sha256); }

std::string stated_bundle_hash(const Bundle& bundle) {
  return hash_with(bundle, [](const BundleFile& file) {
    return file.sha256.empty() ? source_sha256(file) : file.sha256;
  });
}

void check_packs(const Bundle& bundle) {
  for (const auto& [role, file] : bundle.files) {
    if (file.packed_sha256.empty()) continue;
    const std::string found = sha256_of(file.path);
    if (found == file.packed_sha256) continue;
    refuse(file.path, fmt::format("expected SHA-256 {}, found {}: damaged, pack the models again",
                                  file.packed_sha256, found));
  }
}

}  // namespace ctclip
