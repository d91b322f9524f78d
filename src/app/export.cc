#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/options.h"
#include "base/npy.h"
#include "detectors/prepare.h"
#include "fusion/names.h"
#include "nn/precision.h"
#include "pipeline/pipeline.h"
#include "study/nifti.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  ModelOptions model;
  AnalysisRequest request;
  fs::path tensor, latents, features, volume;
};

void write_latents(const fs::path& path, const Scores& scores) {
  const auto write = [](const fs::path& file, const std::vector<float>& values) {
    Tensor row = Tensor::uninitialised({static_cast<int64_t>(values.size())});
    std::copy(values.begin(), values.end(), row.data());
    write_npy(file, row);
  };
  write(path, scores.ctclip_latent);
  fs::path beside = path;
  write(beside.replace_extension(".supervised.npy"), scores.supervised_latent);
}

void write_features(const fs::path& path, const Pipeline& pipeline, const StudyFacts& facts,
                    const Scores& scores) {
  nlohmann::ordered_json features = nlohmann::ordered_json::object();
  for (const Feature& feature : make_features(scores, pipeline.bundle().groups))
    features[feature.name] = feature.value;
  const nlohmann::ordered_json root = {
      {"study_uid", facts.study_uid},        {"series_uid", facts.series_uid},
      {"bundle", pipeline.bundle().title()}, {"bundle_sha256", pipeline.hash()},
      {"warning", kWarningEnglish},          {"features", features}};
  std::ofstream stream(path);
  stream << root.dump(2) << '\n';
  if (!stream.flush()) throw Error(Code::internal, path.string() + ": cannot be written");
}

Observer keep(const ExportOptions& options) {
  Observer observer;
  if (!options.volume.empty()) {
    observer.volume = [&](const Volume& volume) { write_nifti(options.volume, volume); };
  }
  if (!options.tensor.empty()) {
    observer.prepared = [&](const Tensor& tensor) { write_npy(options.tensor, tensor); };
  }
  return observer;
}

// What the detectors say needs the models; the volume and the tensor do not.
void export_scores(const ExportOptions& options, Watch& watch) {
  const Pipeline pipeline(open_bundle(models_folder(options.model)),
                          std::make_shared<ThreadPool>(options.model.threads),
                          nn::choose_precision(options.model.precision),
                          study_loader(options.model.threads));
  StudyFacts facts;
  const Result result = pipeline.run(options.request, watch, facts, keep(options));
  if (!options.latents.empty()) write_latents(options.latents, result.scores);
  if (!options.features.empty()) write_features(options.features, pipeline, facts, result.scores);
}

void export_volume(const ExportOptions& options, Watch& watch) {
  const Geometry3d geometry =
      options.model.models.empty() ? Geometry3d{} : open_bundle(options.model.models).geometry;
  ThreadPool pool(options.model.threads);
  StudyFacts facts;
  const Observer observer = keep(options);
  const Volume volume = study_loader(options.model.threads)(
      options.request.input, options.request.study, pool, watch, facts);
  if (observer.volume) observer.volume(volume);
  if (observer.prepared) observer.prepared(prepare(volume, geometry, pool, watch));
}

int run_export(const ExportOptions& options) {
  Watch watch({}, progress_on_terminal(options.request.input.filename().string()));
  if (options.latents.empty() && options.features.empty()) {
    export_volume(options, watch);
  } else {
    export_scores(options, watch);
  }
  end_progress();
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      app.add_subcommand("export", "Write what the networks see and make of a study");
  command
      ->add_option("STUDY", options->request.input,
                   "ZIP of DICOM files, a folder, a DICOM or a NIfTI file")
      ->required();
  add_model_options(*command, options->model);
  add_study_options(*command, options->request.study);
  auto* what = command->add_option_group("what", "What to write, one at least");
  what->add_option("--tensor", options->tensor,
                   "Prepared volume (D, H, W), float32 in [-1, 1], as .npy");
  what->add_option("--latents", options->latents,
                   "Unit image latent of CT-CLIP as .npy, that of the supervised model beside it "
                   "as .supervised.npy");
  what->add_option("--features", options->features, "Every feature of the fusion as JSON");
  what->add_option("--volume", options->volume, "Volume in Hounsfield units as .nii or .nii.gz");
  what->require_option(1, 0);
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return run_export(*options); }; });
}

}  // namespace ctclip::app
