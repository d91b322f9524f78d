#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/commands.h"
#include "app/export_files.h"
#include "app/export_table.h"
#include "app/one_ahead.h"
#include "app/options.h"
#include "app/study_input.h"
#include "detectors/prepare.h"
#include "fusion/names.h"
#include "pipeline/pipeline.h"
#include "server/status.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::vector<std::string> studies;
  ModelOptions model;
  StudyOptions study;
  ExportFiles files;
  fs::path out, table;

  bool wants_scores() const {
    return !files.latents.empty() || !files.features.empty() || !table.empty();
  }
};

Tensor as_row(const std::vector<float>& values) {
  Tensor row = Tensor::uninitialised({static_cast<int64_t>(values.size())});
  std::ranges::copy(values, row.data());
  return row;
}

void export_latents(const fs::path& file, const Scores& scores) {
  export_array(file, as_row(scores.ctclip_latent));
  if (file == kStandardOutput) return;
  fs::path beside = file;
  export_array(beside.replace_extension(".supervised.npy"), as_row(scores.supervised_latent));
}

std::string features_json(const Pipeline& pipeline, const StudyFacts& facts, const Scores& scores) {
  nlohmann::ordered_json features = nlohmann::ordered_json::object();
  for (const Feature& feature : make_features(scores, pipeline.bundle().groups))
    features[feature.name] = feature.value;
  const nlohmann::ordered_json root = {
      {"study_uid", facts.study_uid},        {"series_uid", facts.series_uid},
      {"bundle", pipeline.bundle().title()}, {"bundle_sha256", pipeline.hash()},
      {"warning", kWarningEnglish},          {"features", features}};
  return root.dump(2) + '\n';
}

Observer keep(const ExportFiles& files) {
  Observer observer;
  if (!files.volume.empty()) {
    observer.volume = [&](const Volume& volume) { export_nifti(files.volume, volume); };
  }
  if (!files.tensor.empty()) {
    observer.prepared = [&](const Tensor& tensor) { export_array(files.tensor, tensor); };
  }
  return observer;
}

/// Writes the files of a study, and fills in what is said of it elsewhere.
using Exporter =
    std::function<void(const fs::path&, const ExportFiles&, Watch&, StudyFacts&, Exported&)>;

// What the detectors say needs the models; the volume and the tensor do not.
Exporter scores_exporter(const ExportOptions& options) {
  const std::shared_ptr<Pipeline> pipeline = load_pipeline(options.model);
  pipeline->compute_at_once(1);
  return [&options, pipeline](const fs::path& study, const ExportFiles& files, Watch& watch,
                              StudyFacts& facts, Exported& exported) {
    AnalysisRequest request;
    request.input = study;
    request.study = options.study;
    Scores scores = pipeline->run(request, watch, facts, keep(files)).scores;
    if (!files.latents.empty()) export_latents(files.latents, scores);
    if (!files.features.empty()) {
      export_text(files.features, features_json(*pipeline, facts, scores));
    }
    if (options.table.empty()) return;
    exported.ctclip = std::move(scores.ctclip_latent);
    exported.supervised = std::move(scores.supervised_latent);
  };
}

Exporter volume_exporter(const ExportOptions& options) {
  const Geometry3d geometry =
      options.model.models.empty() ? Geometry3d{} : open_bundle(options.model.models).geometry;
  const auto pool = std::make_shared<ThreadPool>(options.model.threads);
  return [&options, geometry, pool, load = study_loader(options.model.threads)](
             const fs::path& study, const ExportFiles& files, Watch& watch, StudyFacts& facts,
             Exported& /*exported*/) {
    const Observer observer = keep(files);
    const Volume volume = load(study, options.study, *pool, watch, facts);
    if (observer.volume) observer.volume(volume);
    if (observer.prepared) observer.prepared(prepare(volume, geometry, *pool, watch));
  };
}

/// Never throws for anything that is wrong with the study.
Exported export_study(const ExportOptions& options, const StudyInput& input, std::size_t number,
                      const Exporter& write, Watch& watch) {
  Exported exported;
  exported.path = input.name();
  StudyFacts facts;
  try {
    const ExportFiles files = options.out.empty()
                                  ? options.files
                                  : in_folder(options.out / study_folder(number), options.files);
    write(input.path(), files, watch, facts, exported);
  } catch (const Error& error) {
    exported.error = error;
  } catch (const std::bad_alloc&) {
    exported.error = Error(Code::internal, "There is not enough memory for this study.");
  } catch (const std::exception& error) {
    exported.error = Error(Code::internal, error.what());
  }
  exported.study_uid = facts.study_uid;
  exported.series_uid = facts.series_uid;
  exported.warnings = facts.warnings;
  return exported;
}

void tell(const Exported& exported) {
  print_warnings(exported.path, exported.warnings);
  if (!exported.error) return;
  fmt::print(stderr, "ctclip: {}: {}: {}\n", exported.path, info(exported.error->code()).name,
             exported.error->what());
}

/// Throws Error{usage} before anything is read.
void check(const ExportOptions& options) {
  check_names(options.files);
  if (options.table.extension() == ".parquet") {
    throw Error(Code::usage,
                fmt::format("--latents-table {}: Parquet is not written, expected .npy or .csv",
                            options.table.string()));
  }
  constexpr std::array<std::string_view, 2> kTables = {".npy", ".csv"};
  if (!options.table.empty()) check_ending("--latents-table", options.table, kTables);
  if (options.out.empty()) {
    if (options.studies.size() == 1 || !options.files.any()) return;
    throw Error(Code::usage,
                "several studies have several files: name a folder for them with --out");
  }
  if (!options.files.any()) {
    throw Error(Code::usage, "--out: expected a file to write into it, as --latents latents.npy");
  }
  in_folder(options.out, options.files);
  std::error_code missing;
  if (!fs::is_empty(options.out, missing) && !missing) {
    throw Error(Code::usage, fmt::format("--out {}: expected a new or an empty folder, found files",
                                         options.out.string()));
  }
}

int run_export(const ExportOptions& options) {
  check(options);
  const std::vector<StudyInput> inputs = open_inputs(options.studies, options.study.limits);
  const Exporter write =
      options.wants_scores() ? scores_exporter(options) : volume_exporter(options);
  std::vector<Exported> studies;
  int status = 0;
  work_one_ahead(
      inputs,
      [&](std::size_t number, Watch& watch) {
        return export_study(options, inputs[number], number, write, watch);
      },
      [&](const StudyInput& /*input*/, Exported exported) {
        tell(exported);
        if (exported.error) status = std::max(status, status_of(exported.error->fault()).exit);
        studies.push_back(std::move(exported));
      });
  if (!options.table.empty()) write_latents_table(options.table, studies);
  if (!options.out.empty()) write_folder_index(options.out, studies);
  return status;
}

void add_outputs(CLI::App& command, ExportOptions& options) {
  auto* what = command.add_option_group("what", "What to write, one at least");
  what->add_option("--tensor", options.files.tensor,
                   "Prepared volume (D, H, W), float32 in [-1, 1], as .npy");
  what->add_option("--latents", options.files.latents,
                   "Unit image latent of CT-CLIP as .npy, that of the supervised model beside it "
                   "as .supervised.npy");
  what->add_option("--features", options.files.features, "Every feature of the fusion, as .json");
  what->add_option("--volume", options.files.volume,
                   "Volume in Hounsfield units as .nii or .nii.gz");
  what->add_option("--latents-table", options.table,
                   "Latents of all studies, a row each: .npy with an index beside it, or .csv");
  what->require_option(1, 0);
  command.add_option("--out", options.out,
                     "Folder for the files of several studies, which are in 0001, 0002, ... of it "
                     "under the names that the other options give; index.csv tells which is which");
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      app.add_subcommand("export", "Write what the networks see and make of studies");
  command
      ->add_option("STUDY", options->studies,
                   "ZIP of DICOM files, folder of them, DICOM or NIfTI file, or - for the standard "
                   "input")
      ->required();
  add_model_options(*command, options->model);
  add_study_options(*command, options->study);
  add_outputs(*command, *options);
  command->footer(std::string(kWarningEnglish) +
                  "\nOf --tensor, --latents, --features and --volume, one may be -, the standard "
                  "output.");
  command->callback([options, &action] { action = [options] { return run_export(*options); }; });
}

}  // namespace ctclip::app
