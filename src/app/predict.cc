#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "app/commands.h"
#include "app/one_ahead.h"
#include "app/options.h"
#include "app/study_input.h"
#include "batch/study_file.h"
#include "fusion/names.h"
#include "pipeline/pipeline.h"
#include "server/status.h"

namespace ctclip::app {
namespace {

struct PredictOptions {
  std::vector<std::string> studies;
  ModelOptions model;
  AnalysisRequest request;
  std::filesystem::path maps;
};

// One study's maps go straight into the folder, those of several each into one of its own.
std::filesystem::path maps_folder(const PredictOptions& options, std::size_t number) {
  if (options.studies.size() == 1) return options.maps;
  return options.maps / fmt::format("{:04}", number + 1);
}

void add_anomaly_options(CLI::App& command, PredictOptions& options) {
  AnalysisRequest& request = options.request;
  command.add_flag("--reconstruction", request.reconstruction,
                   "Reconstruct slices by diffusion even where the fusion does not want it "
                   "(docs/anomaly.md: hours)");
  command
      .add_option("--reconstruction-slices", request.reconstruction_slices,
                  "Slices instead of the bundle's number")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--reconstruction-steps", request.reconstruction_steps,
                  "DDIM steps instead of the bundle's number")
      ->check(CLI::Range(2, 500));
  command.add_option("--classifier-scale", request.classifier_scale,
                     "Guidance scale instead of the bundle's");
  command.add_option("--maps", options.maps,
                     "Folder for anomaly maps (NIfTI and PNG); implies --reconstruction");
}

/// A line of the output: the answer, and whose it is.
std::string line_of(const StudyInput& input, nlohmann::ordered_json answer) {
  answer["input"] = batch::as_text(input.name());
  return answer.dump();
}

int run_predict(const PredictOptions& options) {
  // Before the models are loaded, which takes a while.
  const std::vector<StudyInput> inputs = open_inputs(options.studies, options.request.study.limits);
  const std::shared_ptr<Pipeline> loaded = load_pipeline(options.model);
  Pipeline& pipeline = *loaded;
  fmt::print(stderr, "{}\nModels: {}\n", kWarningEnglish, pipeline.bundle().title());
  pipeline.compute_at_once(1);
  const auto analyse = [&](std::size_t number, Watch& watch) {
    AnalysisRequest request = options.request;
    request.input = inputs[number].path();
    if (!options.maps.empty()) request.maps = maps_folder(options, number);
    return pipeline.analyse(request, watch);
  };
  int status = 0;
  work_one_ahead(inputs, analyse, [&](const StudyInput& input, const Analysis& analysis) {
    print_warnings(input.name(), analysis.answer.value("warnings", std::vector<std::string>()));
    std::cout << line_of(input, analysis.answer)
              << std::endl;  // a line is safe with the reader before the next one is waited for
    if (analysis.error) status = std::max(status, status_of(analysis.error->fault()).exit);
  });
  return status;
}

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Answer studies: one line of JSON for each");
  command
      ->add_option("STUDY", options->studies,
                   "ZIP of DICOM files, folder of them, DICOM or NIfTI file, or - for the standard "
                   "input")
      ->required();
  add_model_options(*command, options->model);
  add_study_options(*command, options->request.study);
  command
      ->add_option("--threshold", options->request.threshold,
                   "Decision threshold instead of the bundle's")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag(
      "--details", options->request.details,
      "Add every probability, the features, SHAP values, series, warnings and timings");
  add_anomaly_options(*command, *options);
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return run_predict(*options); }; });
}

}  // namespace ctclip::app
