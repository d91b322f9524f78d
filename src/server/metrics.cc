#include "server/metrics.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <utility>

namespace ctclip {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::ClientMetric;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;
using prometheus::Registry;

// Seconds: an answer of /health takes a millisecond, a study from a second to hours.
Histogram::BucketBoundaries request_seconds() {
  return {0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600};
}
Histogram::BucketBoundaries stage_seconds() {
  return {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 3600};
}

constexpr double kGiga = 1e9;

auto& counter(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}
auto& gauge(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}
auto& histogram(Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry);
}

double unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// A figure that is looked up when it is asked for.
struct Figure {
  const char *name, *help;
  MetricType type;
  double (*value)(const Standing&);
};
constexpr auto kGauge = MetricType::Gauge;
constexpr std::array kFigures = {
    Figure{"ctclip_ready", "1 where studies are answered", kGauge,
           [](const Standing& now) { return now.ready ? 1.0 : 0.0; }},
    Figure{"ctclip_studies_waiting", "studies in the queue", kGauge,
           [](const Standing& now) { return static_cast<double>(now.waiting); }},
    Figure{"ctclip_studies_running", "studies in the detectors", kGauge,
           [](const Standing& now) { return static_cast<double>(now.running); }},
    Figure{"ctclip_uploads", "places in the queue kept for uploads that are coming", kGauge,
           [](const Standing& now) { return static_cast<double>(now.uploading); }},
    Figure{"ctclip_connections", "open connections", kGauge,
           [](const Standing& now) { return static_cast<double>(now.connections); }},
    Figure{"ctclip_spool_free_bytes", "disk for uploads, the reserve left out", kGauge,
           [](const Standing& now) { return static_cast<double>(now.spool_free); }},
    Figure{"ctclip_spool_files", "uploads on disk", kGauge,
           [](const Standing& now) { return static_cast<double>(now.spool_files); }},
    Figure{"process_resident_memory_bytes", "memory of the process", kGauge,
           [](const Standing& now) { return static_cast<double>(now.process.resident); }},
    Figure{"ctclip_resident_memory_peak_bytes", "the most memory that the process has had", kGauge,
           [](const Standing& now) { return static_cast<double>(now.process.peak); }},
    Figure{"process_threads", "threads of the process", kGauge,
           [](const Standing& now) { return static_cast<double>(now.process.threads); }},
    Figure{"process_open_fds", "open descriptors", kGauge,
           [](const Standing& now) { return static_cast<double>(now.process.descriptors); }},
    Figure{"process_max_fds", "descriptors that the process may open", kGauge,
           [](const Standing& now) { return static_cast<double>(now.process.most_descriptors); }},
    Figure{"process_cpu_seconds_total", "processor time of all threads", MetricType::Counter,
           [](const Standing& now) { return now.process.cpu_seconds; }},
};

MetricFamily family(const char* name, const char* help, MetricType type, double value,
                    std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {name, help, type, {metric}};
}

}  // namespace

Metrics::Metrics()
    : requests_(counter(registry_, "ctclip_http_requests_total", "requests answered")),
      request_seconds_(histogram(registry_, "ctclip_http_request_seconds",
                                 "seconds from a request's header to its answer")),
      received_(counter(registry_, "ctclip_http_received_bytes_total", "bytes of requests' bodies")
                    .Add({})),
      sent_(counter(registry_, "ctclip_http_sent_bytes_total", "bytes of answers' bodies").Add({})),
      failures_(counter(registry_, "ctclip_failures_total",
                        "requests and studies that could not be answered")),
      studies_(counter(registry_, "ctclip_studies_total", "studies that went through")),
      study_seconds_(histogram(registry_, "ctclip_study_seconds",
                               "seconds of an answered study, queue left out")
                         .Add({}, stage_seconds())),
      stage_seconds_(
          histogram(registry_, "ctclip_stage_seconds", "seconds of a study in each stage")),
      network_seconds_(counter(registry_, "ctclip_network_seconds_total",
                               "seconds in the stages that compute a network")),
      network_operations_(counter(registry_, "ctclip_network_operations_total",
                                  "multiplications and additions of a network, by definition")),
      network_gflops_(
          gauge(registry_, "ctclip_network_gflops", "GFLOP/s of a network in the study before")),
      bundle_(gauge(registry_, "ctclip_bundle_info", "1: the models that answer")),
      started_(unix_time()) {
  for (const CodeInfo& one : all_codes()) {
    failures_.Add({{"error_code", std::string(one.name)}});
  }
  for (const char* outcome : {"answered", "failed", "cancelled"}) {
    studies_.Add({{"outcome", outcome}});
  }
}

void Metrics::served(const ServedRequest& request) {
  const std::string route(request.route);
  requests_.Add({{"route", route}, {"status", std::to_string(request.status)}}).Increment();
  request_seconds_.Add({{"route", route}}, request_seconds()).Observe(request.seconds);
  received_.Increment(static_cast<double>(request.received));
  sent_.Increment(static_cast<double>(request.sent));
}

void Metrics::failed(Code code) {
  failures_.Add({{"error_code", std::string(info(code).name)}}).Increment();
}

void Metrics::analysed(const StageSeconds& stages, double seconds, const Error* error) {
  const bool answered = error == nullptr;
  const bool cancelled = !answered && error->code() == Code::cancelled;
  for (const auto& [stage, spent] : stages) {
    stage_seconds_.Add({{"stage", stage}}, stage_seconds()).Observe(spent);
    const auto network = operations_.find(stage);
    // A study that broke off may have broken off in the middle of it.
    if (answered && network != operations_.end()) {
      computed(stage, spent, static_cast<double>(network->second));
    }
  }
  if (answered) study_seconds_.Observe(seconds);
  if (!answered && !cancelled) failed(error->code());
  studies_.Add({{"outcome", answered    ? "answered"
                            : cancelled ? "cancelled"
                                        : "failed"}})
      .Increment();
}

void Metrics::computed(const std::string& network, double seconds, double operations) {
  const prometheus::Labels labels = {{"network", network}};
  network_seconds_.Add(labels).Increment(seconds);
  network_operations_.Add(labels).Increment(operations);
  if (seconds > 0) network_gflops_.Add(labels).Set(operations / kGiga / seconds);
}

void Metrics::loaded(const AnalyserFacts& facts) {
  operations_ = facts.operations;
  bundle_
      .Add({{"name", facts.bundle},
            {"sha256", facts.sha256},
            {"precision", facts.precision},
            {"clinical", facts.clinical ? "true" : "false"}})
      .Set(1);
}

std::vector<MetricFamily> Metrics::families(const Standing& standing) const {
  std::vector<MetricFamily> all = registry_.Collect();
  for (const Figure& one : kFigures) {
    all.push_back(family(one.name, one.help, one.type, one.value(standing)));
  }
  all.push_back(family("ctclip_http_requests_in_flight", "requests that are being answered", kGauge,
                       static_cast<double>(in_flight_)));
  all.push_back(family("process_start_time_seconds", "when the process started, Unix time", kGauge,
                       started_));
  all.push_back(family("ctclip_build_info", "1: the program", kGauge, 1,
                       {{"version", CTCLIP_VERSION}, {"compiler", __VERSION__}}));
  return all;
}

std::string Metrics::text(const Standing& standing) const {
  return prometheus::TextSerializer().Serialize(families(standing));
}

}  // namespace ctclip
