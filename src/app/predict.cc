#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <iostream>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/options.h"
#include "fusion/names.h"
#include "nn/precision.h"
#include "pipeline/pipeline.h"
#include "server/status.h"

namespace ctclip::app {
namespace {

struct PredictOptions {
  std::vector<std::filesystem::path> studies;
  ModelOptions model;
  AnalysisRequest request;
  std::filesystem::path maps;
};

// One study's maps go straight into the folder, those of several each into one of its own.
std::filesystem::path maps_folder(const PredictOptions& options,
                                  const std::filesystem::path& study) {
  if (options.studies.size() == 1) return options.maps;
  const auto number = std::ranges::find(options.studies, study) - options.studies.begin() + 1;
  return options.maps / fmt::format("{:04}", number);
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

/// Answers the studies one after the other; each is read and prepared while the one before it
/// computes.
class Predictor {
 public:
  Predictor(const PredictOptions& options, Pipeline& pipeline)
      : options_(options), pipeline_(pipeline) {
    pipeline.compute_at_once(1);
  }

  /// `tell` gets every answer in the order of the studies.
  void run(const std::function<void(const Analysis&)>& tell) {
    std::future<Analysis> present = start(0);
    for (std::size_t i = 0; i < options_.studies.size(); ++i) {
      std::future<Analysis> next = i + 1 < options_.studies.size() ? start(i + 1) : no_study();
      const Analysis analysis = present.get();
      end_progress();
      print_warnings(options_.studies[i].string(), analysis.answer);
      tell(analysis);
      shown_ = i + 1;
      present = std::move(next);
    }
  }

 private:
  static std::future<Analysis> no_study() { return {}; }

  std::future<Analysis> start(std::size_t number) {
    return std::async(std::launch::async, [this, number] { return analyse(number); });
  }

  Analysis analyse(std::size_t number) const {
    const std::filesystem::path& study = options_.studies[number];
    AnalysisRequest request = options_.request;
    request.input = study;
    if (!options_.maps.empty()) request.maps = maps_folder(options_, study);
    Watch::Listener show = progress_on_terminal(study.filename().string());
    if (show) {
      show = [this, number, all = std::move(show)](std::string_view stage, int64_t done,
                                                   int64_t total) {
        if (shown_ == number) all(stage, done, total);
      };
    }
    Watch watch({}, std::move(show));
    return pipeline_.analyse(request, watch);
  }

  const PredictOptions& options_;
  const Pipeline& pipeline_;
  std::atomic<std::size_t> shown_ = 0;  // whose progress is on the terminal
};

int run_predict(const PredictOptions& options) {
  Pipeline pipeline(open_bundle(models_folder(options.model)),
                    std::make_shared<ThreadPool>(options.model.threads),
                    nn::choose_precision(options.model.precision),
                    study_loader(options.model.threads));
  fmt::print(stderr, "{}\nModels: {}\n", kWarningEnglish, pipeline.bundle().title());
  int status = 0;
  Predictor(options, pipeline).run([&status](const Analysis& analysis) {
    std::cout << analysis.answer.dump()
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
                   "ZIP of DICOM files, a folder, a DICOM or a NIfTI file")
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
