#include "server/measured_analyser.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"

namespace ctclip {
namespace {

StageSeconds seconds_by_stage(const Watch& watch) {
  StageSeconds sums;  // a stage may have come in two parts
  for (const auto& [stage, spent] : watch.seconds()) sums[stage] += spent;
  return sums;
}

void log_study(const StageSeconds& stages, double seconds, const Error* error) {
  nlohmann::ordered_json fields = {{"outcome", error == nullptr ? "answered" : "failed"}};
  if (error != nullptr) fields["error_code"] = info(error->code()).name;
  fields["seconds"] = seconds;
  fields["stages"] = stages;
  log_event(spdlog::level::info, "study", fields);
}

}  // namespace

MeasuredAnalyser::MeasuredAnalyser(std::shared_ptr<const Analyser> analyser, Metrics& metrics)
    : analyser_(std::move(analyser)), metrics_(metrics) {
  metrics_.loaded(analyser_->facts());
}

Analysis MeasuredAnalyser::analyse(const AnalysisRequest& request, Watch& watch) const {
  const LogRequest logged(request.request_id);
  const auto began = std::chrono::steady_clock::now();
  const auto record = [&](const Error* error) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    const StageSeconds stages = seconds_by_stage(watch);
    metrics_.analysed(stages, spent.count(), error);
    log_study(stages, spent.count(), error);
  };
  try {
    Analysis analysis = analyser_->analyse(request, watch);
    record(analysis.error ? &*analysis.error : nullptr);
    return analysis;
  } catch (...) {
    const Error error(Code::internal, "An error of the program.");
    record(&error);
    throw;
  }
}

}  // namespace ctclip
