#include "pipeline/pack.h"

#include <fmt/format.h>

#include <memory>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pack_writer.h"
#include "detectors/anomaly.h"
#include "detectors/ctclip.h"
#include "detectors/supervised.h"
#include "detectors/tokenizer.h"
#include "nn/precision.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

/// A folder that is made beside its name and goes away unless it gets that name.
class NewFolder {
 public:
  explicit NewFolder(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
    if (fs::exists(path_)) {
      throw Error(Code::usage, path_.string() + ": exists; expected the name of a new folder");
    }
    fs::remove_all(part_);  // what an interrupted run left
    fs::create_directories(part_);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(part_, ignored);
  }
  const fs::path& part() const { return part_; }
  void keep() {
    fs::rename(part_, path_);
    kept_ = true;
  }

 private:
  fs::path path_, part_;
  bool kept_ = false;
};

/// Builds the role's network of `weights`, as the pipeline will.
void build(const Bundle& bundle, Role role, const Weights& weights, const nn::Engine& engine) {
  switch (role) {
    case Role::ctclip: {
      const Tokenizer tokenizer(bundle.files.at(Role::vocabulary).path);
      const CtClip network(weights, tokenizer,
                           {bundle.prompts, bundle.geometry.vit, bundle.text_heads}, engine);
      break;
    }
    case Role::supervised: {
      const Supervised network(weights, bundle.geometry.vit, engine);
      break;
    }
    case Role::diffusion_classifier:
      load_slice_classifier(weights, bundle.anomaly, bundle.files.contains(Role::diffusion_unet),
                            engine);
      break;
    case Role::diffusion_unet:
      load_denoiser(weights, bundle.anomaly, engine.in_f32());
      break;
    default:
      throw std::logic_error("no network");
  }
}

bool has_precisions(Role role) { return role != Role::diffusion_unet; }

BundleFile pack_file(const Bundle& bundle, Role role, const fs::path& folder,
                     const std::vector<nn::Precision>& precisions, ThreadPool& pool) {
  const BundleFile& source = bundle.files.at(role);
  if (pack_facts(source.path)) {
    throw Error(Code::bad_model, source.path.string() +
                                     ": is a pack already; expected the checkpoint "
                                     "that it was made from");
  }
  BundleFile packed{folder / fmt::format("{}.pack", role_name(role)), source_sha256(source)};
  const auto recorder = std::make_shared<PackRecorder>(
      Checkpoint::open(source.path), packed.path,
      PackFacts{packed.sha256, nn::packing_machine(), CTCLIP_VERSION});
  for (const nn::Precision precision : precisions) {
    if (precision != nn::Precision::f32 && !has_precisions(role)) continue;
    build(bundle, role, Weights(recorder), nn::Engine(pool, precision));
  }
  recorder->finish();
  packed.packed_sha256 = sha256_of(packed.path);
  return packed;
}

BundleFile copy_file(const BundleFile& file, const fs::path& folder) {
  BundleFile copy{folder / file.path.filename(), source_sha256(file)};
  fs::copy_file(file.path, copy.path);
  return copy;
}

}  // namespace

void pack_bundle(const Bundle& bundle, const fs::path& out,
                 const std::vector<nn::Precision>& precisions, ThreadPool& pool,
                 const std::function<void(Role)>& tell) try {
  NewFolder folder(out);
  Bundle packed = bundle;
  for (auto& [role, file] : packed.files) {
    tell(role);
    const bool plain = role == Role::vocabulary || role == Role::fusion;
    file = plain ? copy_file(file, folder.part())
                 : pack_file(bundle, role, folder.part(), precisions, pool);
  }
  write_bundle(packed, folder.part());
  folder.keep();
} catch (const fs::filesystem_error& error) {
  throw Error(Code::internal,
              fmt::format("{}: cannot be written: {}", out.string(), error.code().message()));
}

}  // namespace ctclip
