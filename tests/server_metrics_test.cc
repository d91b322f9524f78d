#include "server/metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "testing.h"

namespace ctclip {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AnalyserFacts facts() { return {"demo", "0123abcd", "f32", false, {{"ctclip", 3'000'000'000}}}; }

/// Something of everything.
void fill(Metrics& metrics) {
  metrics.loaded(facts());
  metrics.served({"/predict", 200, 1.5, 1000, 200});
  metrics.failed(Code::queue_full);
  metrics.analysed({{"scan", 0.25}, {"ctclip", 2.0}}, 2.5, nullptr);
}

std::string labels_of(const prometheus::MetricFamily& family) {
  std::set<std::string> names;
  for (const auto& metric : family.metric) {
    for (const auto& label : metric.label) names.insert('`' + label.name + '`');
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string type_of(const prometheus::MetricFamily& family) {
  switch (family.type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "none that the page knows";
  }
}

TEST(Metrics, AreWhatThePageSays) {
  Metrics metrics;
  fill(metrics);
  std::set<std::string> served, told;
  for (const auto& family : metrics.families({})) {
    const std::string labels = labels_of(family);
    served.insert(fmt::format("| `{}` | {} |{}| {} |", family.name, type_of(family),
                              labels.empty() ? " " : " " + labels + " ", family.help));
  }
  std::ifstream page(std::string(CTCLIP_SOURCE_DIR) + "/docs/metrics.md");
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) told.insert(line);
  }
  EXPECT_EQ(told, served);
}

TEST(Metrics, CountWhatHappened) {
  Metrics metrics;
  fill(metrics);
  const Error refused(Code::no_lungs, "There are no lungs.");
  const Error cancelled(Code::cancelled, "The client went away.");
  metrics.analysed({{"scan", 0.25}, {"ctclip", 1.0}}, 1.5, &refused);
  metrics.analysed({}, 0.5, &cancelled);
  const std::string text = metrics.text({.ready = true, .waiting = 7, .running = 1, .process = {}});
  for (const char* line :
       {"ctclip_http_requests_total{route=\"/predict\",status=\"200\"} 1\n",
        "ctclip_http_received_bytes_total 1000\n", "ctclip_http_sent_bytes_total 200\n",
        "ctclip_failures_total{error_code=\"queue_full\"} 1\n",
        "ctclip_failures_total{error_code=\"no_lungs\"} 1\n",
        "ctclip_failures_total{error_code=\"cancelled\"} 0\n",
        "ctclip_failures_total{error_code=\"gantry_tilt\"} 0\n",
        "ctclip_studies_total{outcome=\"answered\"} 1\n",
        "ctclip_studies_total{outcome=\"failed\"} 1\n",
        "ctclip_studies_total{outcome=\"cancelled\"} 1\n", "ctclip_study_seconds_count 1\n",
        "ctclip_stage_seconds_count{stage=\"scan\"} 2\n",
        "ctclip_stage_seconds_sum{stage=\"ctclip\"} 3\n",
        "ctclip_network_seconds_total{network=\"ctclip\"} 2\n",
        "ctclip_network_operations_total{network=\"ctclip\"} 3000000000\n",
        "ctclip_network_gflops{network=\"ctclip\"} 1.5\n", "ctclip_ready 1\n",
        "ctclip_studies_waiting 7\n", "ctclip_studies_running 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("network=\"scan\"")));
  EXPECT_THAT(text, HasSubstr("# TYPE ctclip_stage_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("clinical=\"false\""));
}

TEST(Metrics, InFlightIsCountedWhileItLasts) {
  Metrics metrics;
  {
    const Metrics::InFlight one(metrics), two(metrics);
    EXPECT_THAT(metrics.text({}), HasSubstr("ctclip_http_requests_in_flight 2\n"));
  }
  EXPECT_THAT(metrics.text({}), HasSubstr("ctclip_http_requests_in_flight 0\n"));
}

TEST(ProcessFigures, AreThoseOfThisProcess) {
  const ProcessFigures before = process_figures();
  EXPECT_GT(before.resident, 1U << 20);
  EXPECT_GE(before.peak, before.resident);
  EXPECT_GE(before.threads, 1U);
  EXPECT_GT(before.descriptors, 2U);
  EXPECT_GE(before.most_descriptors, before.descriptors);
  const std::ifstream open(std::string(CTCLIP_SOURCE_DIR) + "/docs/metrics.md");
  EXPECT_EQ(process_figures().descriptors, before.descriptors + 1);
}

}  // namespace
}  // namespace ctclip
