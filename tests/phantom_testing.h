#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "phantom/phantom.h"
#include "phantom/plan.h"
#include "study/study.h"
#include "study_testing.h"
#include "testing.h"

namespace ctclip::phantom {

using ctclip::testing::error_of;
using ctclip::testing::read_file;
using ctclip::testing::TempDir;

/// A study of a part in few and small slices: what takes no time.
inline PhantomOptions small(uint64_t seed, Part part = Part::head) {
  PhantomOptions options;
  options.seed = seed;
  options.part = part;
  options.matrix = 64;
  options.thickness = 10;
  return options;
}

inline void write(const std::filesystem::path& out, const PhantomOptions& options,
                  int threads = 2) {
  ThreadPool pool(threads);
  Watch watch;
  write_phantom(out, options, pool, watch);
}

struct Loaded {
  Volume volume;
  ctclip::StudyFacts facts;
};
inline Loaded load(const std::filesystem::path& study) {
  ThreadPool pool(2);
  Watch watch;
  StudyOptions options;
  options.any_anatomy = true;
  Loaded loaded;
  loaded.volume = load_study(study, options, pool, watch, loaded.facts);
  return loaded;
}

/// Slices of one series as the scanner made them, before they were files.
inline std::vector<std::vector<int16_t>> scanned(const Scene& scene, const Acquisition& acquisition,
                                                 Kernel kernel) {
  ThreadPool pool(2);
  Watch watch;
  std::vector<std::vector<int16_t>> slices(static_cast<std::size_t>(acquisition.slices()));
  const SliceSink keep = [&](int64_t slice, std::span<const int16_t> hu) {
    slices[static_cast<std::size_t>(slice)].assign(hu.begin(), hu.end());
  };
  scan(scene, acquisition, {{kernel, keep}}, pool, watch);
  return slices;
}

inline nlohmann::json truth_of(const std::filesystem::path& folder) {
  return nlohmann::json::parse(read_file(folder / "truth.json"));
}

}  // namespace ctclip::phantom
