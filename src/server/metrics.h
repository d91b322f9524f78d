#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/analyser.h"
#include "server/process_figures.h"

namespace ctclip {

/// What holds at the moment of a scrape, whoever knows it.
struct Standing {
  bool ready = false;
  std::size_t waiting = 0;    ///< studies before the detectors
  std::size_t running = 0;    ///< in them
  std::size_t uploading = 0;  ///< places kept for uploads that are still coming
  std::size_t connections = 0;
  uint64_t spool_free = 0;   ///< bytes that the disk has beside the reserve's
  uint64_t spool_files = 0;  ///< uploads on disk
  ProcessFigures process;
};

/// Seconds of a study in each stage, by name.
using StageSeconds = std::map<std::string, double>;

/// A request that has been answered.
struct ServedRequest {
  std::string_view route;  ///< its name, never the target
  int status = 0;
  double seconds = 0;
  uint64_t received = 0, sent = 0;  ///< bytes of the bodies
};

/// The figures of docs/metrics.md, in the text format of Prometheus. Every label takes few values,
/// none of which a client chooses; nothing of a patient or a study is in them. Thread-safe.
class Metrics {
 public:
  Metrics();

  /// Counts a request as in flight while it lives.
  class InFlight {
   public:
    explicit InFlight(Metrics& metrics) : metrics_(metrics) { ++metrics_.in_flight_; }
    ~InFlight() { --metrics_.in_flight_; }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

   private:
    Metrics& metrics_;
  };

  void served(const ServedRequest& request);
  /// A request or study that could not be answered.
  void failed(Code code);
  /// A study has been through the analyser; `error` is why not, or null.
  void analysed(const StageSeconds& stages, double seconds, const Error* error);
  /// Before the first study.
  void loaded(const AnalyserFacts& facts);

  std::vector<prometheus::MetricFamily> families(const Standing& standing) const;
  /// The whole exposition.
  std::string text(const Standing& standing) const;

 private:
  template <class T>
  using Family = prometheus::Family<T>;

  void computed(const std::string& network, double seconds, double operations);

  prometheus::Registry registry_;
  Family<prometheus::Counter>& requests_;
  Family<prometheus::Histogram>& request_seconds_;
  prometheus::Counter &received_, &sent_;
  Family<prometheus::Counter>& failures_;
  Family<prometheus::Counter>& studies_;
  prometheus::Histogram& study_seconds_;
  Family<prometheus::Histogram>& stage_seconds_;
  Family<prometheus::Counter>&network_seconds_, &network_operations_;
  Family<prometheus::Gauge>& network_gflops_;
  Family<prometheus::Gauge>& bundle_;
  std::map<std::string, int64_t> operations_;  ///< of each network, a study
  const double started_;                       ///< Unix time
  std::atomic<int64_t> in_flight_ = 0;
};

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace ctclip
