#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/choices.h"
#include "app/commands.h"
#include "app/comparison_table.h"
#include "app/options.h"
#include "app/study_input.h"
#include "fusion/names.h"
#include "pipeline/compare.h"
#include "server/status.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct CompareOptions {
  fs::path folder;
  std::vector<std::string> studies;
  std::string precision = "bf16";
  StudyOptions study;
  int threads = 0;
  bool accept = false, json = false;
  int64_t allow_flips = -1;  ///< < 0: the usual share
};

ordered_json decision_json(const Decision& decision) {
  return {{"probability_of_pathology", decision.probability},
          {"pathology", decision.pathology ? 1 : 0},
          {"most_dangerous_pathology_type", decision.most_dangerous}};
}

std::string as_line(const std::string& study, const StudyDifference& found) {
  return fmt::format(
      "{}: probability_of_pathology {:.4f}, in bf16 {:.4f}{}{}\n", study, found.f32.probability,
      found.bf16.probability, found.flipped() ? "; the decision flips" : "",
      found.other_type() ? fmt::format("; \"{}\" becomes \"{}\"", found.f32.most_dangerous,
                                       found.bf16.most_dangerous)
                         : "");
}

/// Answers the studies in both precisions, one after the other; both sets of weights are resident,
/// so that each study is read and prepared once.
class Comparing {
 public:
  explicit Comparing(const CompareOptions& options)
      : Comparing(options, std::make_shared<ThreadPool>(options.threads)) {}

  void run() {
    for (const std::string& study : options_.studies) compare(study);
  }

  const Pipeline& reference() const { return f32_; }
  Comparison result() const { return comparer_.result(f32_.hash()); }
  int failed() const { return failed_; }
  /// The exit status that the failed studies ask for.
  int status() const { return status_; }
  const ordered_json& rows() const { return rows_; }

 private:
  Comparing(const CompareOptions& options, const std::shared_ptr<ThreadPool>& pool)
      : options_(options), f32_(load(pool, "f32")), bf16_(load(pool, options.precision)) {}

  Pipeline load(const std::shared_ptr<ThreadPool>& pool, const std::string& precision) const {
    Bundle bundle = open_bundle(options_.folder);
    PrecisionChoice choice = choose_precision(precision, bundle);
    return {std::move(bundle), pool, std::move(choice), study_loader(options_.threads)};
  }

  void compare(const std::string& study) {
    try {
      const StudyInput input(study, options_.study.limits);
      AnalysisRequest request;
      request.input = input.path();
      request.study = options_.study;
      Watch watch({}, progress_on_terminal(input.label()));
      tell(study, compare_study(f32_, bf16_, request, watch));
    } catch (const Error& error) {
      fail(study, error);
    } catch (const std::bad_alloc&) {
      fail(study, Error(Code::internal, "There is not enough memory for this study."));
    }
  }

  void tell(const std::string& study, const StudyDifference& found) {
    end_progress();
    const bool counted = comparer_.add(found);
    if (!counted) fmt::print(stderr, "{}: the same study as one before, not counted\n", study);
    if (!options_.json) fmt::print("{}", as_line(study, found));
    rows_.push_back({{"study", study},
                     {"counted", counted},
                     {"f32", decision_json(found.f32)},
                     {"bf16", decision_json(found.bf16)}});
  }

  void fail(const std::string& study, const Error& error) {
    end_progress();
    ++failed_;
    status_ = std::max(status_, status_of(error.fault()).exit);
    fmt::print(stderr, "{}: not compared: {}: {}\n", study, info(error.code()).name, error.what());
    rows_.push_back(
        {{"study", study}, {"error_code", info(error.code()).name}, {"error", error.what()}});
  }

  const CompareOptions& options_;
  Pipeline f32_, bf16_;
  Comparer comparer_;
  ordered_json rows_ = ordered_json::array();
  int failed_ = 0, status_ = 0;
};

void show(const CompareOptions& options, const Comparing& comparing, const Comparison& found) {
  if (options.json) {
    const ordered_json all = {{"warning", kWarningEnglish},
                              {"bundle", comparing.reference().bundle().title()},
                              {"failed", comparing.failed()},
                              {"comparison", comparison_json(found)},
                              {"studies", comparing.rows()}};
    fmt::print("{}\n", all.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    return;
  }
  fmt::print("{}: {} compared, {} failed\n", comparing.reference().bundle().title(), found.studies,
             comparing.failed());
  if (found.studies > 0) fmt::print("{}", as_table(found));
  fmt::print("{}\n", kWarningEnglish);
}

/// What would make hours of computing useless.
void require_recordable(const CompareOptions& options) {
  require_record(options.folder);
  const auto given = static_cast<int64_t>(options.studies.size());
  if (given >= kFewestCompared) return;
  throw Error(Code::usage,
              fmt::format("--accept: expected at least {} studies, found {}; without --accept any "
                          "number is compared",
                          kFewestCompared, given));
}

int compare(const CompareOptions& options) {
  if (options.accept) require_recordable(options);
  Comparing comparing(options);
  comparing.run();
  const Comparison found = comparing.result();
  show(options, comparing, found);
  if (options.accept) {
    std::fflush(stdout);
    require_acceptable(found, options.allow_flips);
    record_comparison(options.folder, found);
    fmt::print(stderr,
               "{}: the comparison is recorded; --precision auto is {} from now on if the "
               "processor has it\n",
               (options.folder / "bundle.json").string(), options.precision);
  }
  return comparing.status();
}

}  // namespace

void add_compare(CLI::App& models, Action& action) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = models.add_subcommand(
      "compare", "Answer studies in f32 and bf16: how far apart are the answers");
  command->add_option("DIR", options->folder, "Folder with the models")->required();
  command
      ->add_option("STUDY", options->studies,
                   "ZIP of DICOM files, a folder, a DICOM or a NIfTI file")
      ->required();
  take_one_of(command->add_option("--precision", options->precision, "What is compared with f32"),
              {"bf16"})
      ->capture_default_str();
  CLI::Option* accept = command->add_flag(
      "--accept", options->accept,
      fmt::format("Record the comparison in DIR/bundle.json, for --precision auto to take bf16; "
                  "refused if fewer than {} studies were compared or more than {} % of the "
                  "decisions flip",
                  kFewestCompared, 100 * kFlipsAllowed));
  command
      ->add_option("--allow-flips", options->allow_flips,
                   "Record it in spite of as many flipped decisions")
      ->check(CLI::Range(0, 1'000'000))
      ->needs(accept);
  command->add_flag("--json", options->json, "Print JSON instead of lines and a table");
  command->add_flag("--any-anatomy", options->study.any_anatomy,
                    "Leave out the check that there are lungs");
  add_threads_option(*command, options->threads);
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return compare(*options); }; });
}

}  // namespace ctclip::app
