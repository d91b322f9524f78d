#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "batch/discovery.h"
#include "batch/index.h"
#include "batch/journal.h"
#include "batch/row.h"
#include "study_testing.h"
#include "testing.h"

namespace ctclip::testing {

/// A slice's bytes, of this study, with too little in it to be answered.
inline std::string slice_of(const std::string& study_uid, const std::string& sop_uid) {
  DicomBuilder file;
  file.text(0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2").text(0x0008, 0x0018, "UI", sop_uid);
  file.text(0x0008, 0x0060, "CS", "CT").text(0x0010, 0x0010, "PN", "SECRET^NAME");
  if (!study_uid.empty()) file.text(0x0020, 0x000D, "UI", study_uid);
  return file.bytes();
}

/// What `discover` and `group` make of a folder: paths in order, and each study's files.
struct Grouped {
  batch::Discovered found;
  std::vector<std::string> paths;
  std::vector<std::vector<std::string>> files;
};
inline Grouped grouped(const std::filesystem::path& input, const batch::Shard& shard = {}) {
  batch::Index index;
  Grouped result;
  result.found = batch::discover(input, {}, index, std::stop_token(), {});
  index.group(shard);
  while (const auto study = index.next()) {
    result.paths.push_back(study->path);
    result.files.push_back(index.files(*study));
  }
  return result;
}

inline batch::JournalHeader a_header(const batch::Shard& shard = {}) {
  return {"/studies", "service", shard, {}, false};
}

inline batch::Row a_row(const std::string& path, double probability = 0.25) {
  batch::Row row;
  row.path = path;
  row.fingerprint = {100, 200, 1};
  row.path_to_study = "studies/" + path;
  row.study_uid = "1.2." + std::to_string(path.size());
  row.success = true;
  row.probability_of_pathology = probability;
  row.pathology = probability >= 0.5 ? 1 : 0;
  row.time_of_processing = 1.5;
  row.most_dangerous_pathology_type = "Pneumonia";
  row.models = "abc";
  return row;
}

inline batch::Row a_failure(const std::string& path, const std::string& code) {
  batch::Row row;
  row.path = path;
  row.path_to_study = "studies/" + path;
  row.error_code = code;
  row.error = "It did not work.";
  return row;
}

inline std::filesystem::path write_journal(const std::filesystem::path& output,
                                           const batch::JournalHeader& header,
                                           const std::vector<batch::Row>& rows,
                                           bool finish = true) {
  const auto path = batch::journal_of(output);
  batch::Journal journal(path, header, [](const batch::Row&) {});
  for (const batch::Row& row : rows) journal.append(row);
  if (finish) journal.finish();
  return path;
}

}  // namespace ctclip::testing
