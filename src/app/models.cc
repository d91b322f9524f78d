#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "app/choices.h"
#include "app/commands.h"
#include "app/comparison_table.h"
#include "app/options.h"
#include "checkpoint/diffusion_layouts.h"
#include "checkpoint/layouts.h"
#include "checkpoint/packed.h"
#include "checkpoint/random_bundle.h"
#include "detectors/ctclip.h"
#include "fusion/names.h"
#include "fusion/random_model.h"
#include "nn/precision.h"
#include "pipeline/pack.h"
#include "pipeline/pipeline.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

std::string maker_of(const std::string& feature) {
  if (feature.starts_with("diffusion_")) return "anomaly detector";
  return feature.starts_with("supervised_") ? "supervised model" : "CT-CLIP";
}

std::string what_is_known(const BundleFile& file) {
  if (const auto pack = pack_facts(file.path)) {
    return fmt::format(", packed for {}{}", pack->made_for,
                       file.packed_sha256.empty() ? "" : ", SHA-256 as bundle.json says");
  }
  return file.sha256.empty() ? "" : ", SHA-256 as bundle.json says";
}

int check(const ModelOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  Bundle opened = open_bundle(options.models);
  check_packs(opened);
  PrecisionChoice choice = choose_precision("auto", opened);
  const Pipeline pipeline(std::move(opened), std::make_shared<ThreadPool>(options.threads),
                          std::move(choice));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
  const Bundle& bundle = pipeline.bundle();
  fmt::print(
      "bundle      {}\nsha256      {}\nprovenance  {}\nlicence     {}\nclinical    {}\nthreshold   "
      "{}\nprecision   {} ({})\n",
      bundle.title(), pipeline.hash(), bundle.provenance, bundle.licence,
      bundle.clinical ? "yes" : "no: not for patients", bundle.threshold,
      nn::precision_name(pipeline.choice().precision), pipeline.choice().reason);
  if (const auto& measured = pipeline.choice().comparison) fmt::print("{}", as_table(*measured));
  for (const auto& [role, file] : bundle.files) {
    fmt::print("{:<20} {} ({} bytes{})\n", role_name(role), file.path.string(),
               fs::file_size(file.path), what_is_known(file));
  }
  const auto& names = pipeline.fusion().model().feature_names();
  fmt::print("features    {} wanted by the fusion, every one has its maker:\n", names.size());
  for (const std::string& name : names) fmt::print("  {:<60} {}\n", name, maker_of(name));
  fmt::print("whole: loaded and checked in {:.1f} s\n{}\n", spent.count(), kWarningEnglish);
  return 0;
}

struct PackOptions {
  fs::path folder, out;
  std::string precision = "auto";
  int threads = 0;
};

int pack(const PackOptions& options) {
  const Bundle bundle = open_bundle(options.folder);
  std::vector<nn::Precision> precisions = {nn::Precision::f32};
  if (choose_precision(options.precision, bundle).precision == nn::Precision::bf16) {
    precisions.push_back(nn::Precision::bf16);
  }
  const auto began = std::chrono::steady_clock::now();
  ThreadPool pool(options.threads);
  pack_bundle(bundle, options.out, precisions, pool,
              [](Role role) { fmt::print(stderr, "packing {}\n", role_name(role)); });
  uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(options.out)) bytes += entry.file_size();
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
  fmt::print("{}: {}\npacked for {}, {}: {} bytes in {:.0f} s\n", options.out.string(),
             open_bundle(options.out).title(), nn::packing_machine(),
             precisions.size() == 2 ? "f32 and bf16" : "f32", bytes, spent.count());
  return 0;
}

struct RandomOptions {
  fs::path folder;
  bool full_size = false;
  uint64_t seed = 1;
  int threads = 0;
};

std::vector<std::string> random_features() {
  Scores scores;
  for (const std::string& name : reference_pathologies()) scores.ctclip.push_back({name, 0});
  for (const std::string& name : default_target_pathologies())
    scores.supervised.push_back({name, 0});
  // Not the reconstruction's: a study would take an hour.
  scores.diffusion_classifier = SliceStatistics{};
  std::vector<std::string> names;
  for (const Feature& feature : make_features(scores, {})) names.push_back(feature.name);
  return names;
}

// What the shapes in the files do not say.
Bundle random_bundle_configuration(bool full_size) {
  const CtClipShape shape = random_bundle_shape(full_size);
  Bundle bundle;
  bundle.name = full_size
                    ? "random weights of the clinical size (they know nothing, not for patients)"
                    : "small random weights (they know nothing, not for patients)";
  bundle.provenance = "ctclip models random";
  bundle.licence = "Apache-2.0";
  bundle.clinical = false;
  bundle.prompts = reference_pathologies();
  if (!full_size) {
    bundle.geometry.vit = {40, shape.image, shape.image, shape.temporal_patch, shape.patch};
    bundle.text_heads = 4;
    bundle.anomaly.image_size = slice_classifier_shape(false).image;
  }
  return bundle;
}

int write_random(const RandomOptions& options) {
  ThreadPool pool(options.threads);
  write_random_bundle(options.folder, options.full_size, options.seed, pool);
  const fs::path fusion = options.folder / "lightgbm_model.txt";
  std::ofstream stream(fusion);
  stream << random_fusion_text(random_features(), options.seed);
  if (!stream.flush()) throw Error(Code::internal, fusion.string() + ": cannot be written");
  Bundle bundle = random_bundle_configuration(options.full_size);
  bundle.files = {{Role::ctclip, {options.folder / kCtClipFile, ""}},
                  {Role::supervised, {options.folder / kSupervisedFile, ""}},
                  {Role::vocabulary, {options.folder / kVocabularyFile, ""}},
                  {Role::diffusion_classifier, {options.folder / kSliceClassifierFile, ""}},
                  {Role::diffusion_unet, {options.folder / kDenoiserFile, ""}},
                  {Role::fusion, {fusion, ""}}};
  write_bundle(bundle, options.folder);
  fmt::print("{}: {}\n", options.folder.string(), bundle.title());
  return 0;
}

void add_pack(CLI::App& models, Action& action) {
  auto options = std::make_shared<PackOptions>();
  CLI::App* command = models.add_subcommand(
      "pack", "Write a bundle that starts at once: the same models, packed for this machine");
  command->add_option("DIR", options->folder, "Folder with the models")->required();
  command->add_option("OUT", options->out, "Folder to write, a new one")->required();
  take_one_of(command->add_option("--precision", options->precision,
                                  "Weights to pack: f32; bf16: both; auto: f32, and bf16 if auto "
                                  "is bf16 with this bundle"),
              {"auto", "f32", "bf16"})
      ->capture_default_str();
  add_threads_option(*command, options->threads);
  command->callback([options, &action] { action = [options] { return pack(*options); }; });
}

}  // namespace

void add_models(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "models",
      "Check a bundle of models, compare its precisions, pack it, or make one with random weights");
  command->require_subcommand(1);

  auto checked = std::make_shared<ModelOptions>();
  CLI::App* check_command = command->add_subcommand(
      "check", "Load a bundle: is it whole, what is it, who makes its features");
  check_command->add_option("DIR", checked->models, "Folder with the models")->required();
  add_threads_option(*check_command, checked->threads);
  check_command->callback([checked, &action] { action = [checked] { return check(*checked); }; });

  add_compare(*command, action);
  add_pack(*command, action);

  auto random = std::make_shared<RandomOptions>();
  CLI::App* random_command =
      command->add_subcommand("random", "Write a bundle with random weights, for benchmarks");
  random_command->add_option("DIR", random->folder, "Folder to write, made where it is missing")
      ->required();
  random_command->add_flag("--full-size", random->full_size,
                           "The clinical models' sizes (4.5 GB); else a few MB");
  random_command->add_option("--seed", random->seed, "The same seed gives the same bytes")
      ->capture_default_str();
  add_threads_option(*random_command, random->threads);
  random_command->callback(
      [random, &action] { action = [random] { return write_random(*random); }; });
}

}  // namespace ctclip::app
