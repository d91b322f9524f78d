#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "phantom/findings.h"
#include "phantom/scanner.h"

namespace ctclip::phantom {

enum class Part { chest, head, abdomen };  ///< head and abdomen: what the lungs check must refuse

struct PhantomOptions {
  uint64_t seed = 1;
  Part part = Part::chest;
  std::vector<FindingRequest> findings;
  bool random_findings = false;  ///< draw_findings from the seed as well
  std::optional<double> thickness, increment, field_of_view, dose;  ///< else drawn from the seed
  int64_t matrix = 512;
  std::vector<Kernel> kernels = {Kernel::soft, Kernel::lung};
  bool localizer = true;
  bool motion = false, metal = false;
  std::optional<bool> arms_up;
  std::string transfer_syntax = "explicit";  ///< see dicom_file.h
  std::filesystem::path sheet;               ///< PNG to look at; empty: none
};

/// Writes a study into `out` (a folder, or a file that ends in .zip) and what is really in it as
/// JSON: `out`/truth.json in a folder, study.json beside study.zip (a truth inside the archive
/// would be no test). docs/phantom.md says what it holds. The same options give the same bytes.
/// Throws Error{usage} for what can't be made, before anything is written.
void write_phantom(const std::filesystem::path& out, const PhantomOptions& options,
                   ThreadPool& pool, Watch& watch);

}  // namespace ctclip::phantom
