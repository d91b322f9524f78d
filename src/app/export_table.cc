#include "app/export_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>

#include "app/export_files.h"
#include "base/npy.h"
#include "batch/output.h"
#include "batch/study_file.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

using Latent = std::vector<float> Exported::*;
struct LatentKind {
  const char* name;
  Latent values;
};
constexpr std::array kLatents = {LatentKind{"ctclip", &Exported::ctclip},
                                 LatentKind{"supervised", &Exported::supervised}};

constexpr const char* kIndexColumns =
    "path_to_study,study_uid,series_uid,error_code,error,warnings";

std::string index_line(const Exported& study) {
  using batch::guarded_csv_field;
  return fmt::format("{},{},{},{},{},{}", guarded_csv_field(batch::as_text(study.path)),
                     guarded_csv_field(study.study_uid), guarded_csv_field(study.series_uid),
                     study.error ? info(study.error->code()).name : "",
                     guarded_csv_field(study.error ? study.error->what() : ""),
                     guarded_csv_field(fmt::format("{}", fmt::join(study.warnings, "; "))));
}

void write_lines(const fs::path& path, const std::string& header, std::size_t count,
                 const std::function<std::string(std::size_t)>& line) {
  export_file(path, [&](const fs::path& part) {
    std::ofstream out(part, std::ios::binary);
    out << header << '\n';
    for (std::size_t i = 0; i < count; ++i) out << line(i) << '\n';
    if (!out.flush()) batch::cannot_write(path);
  });
}

/// Of the studies that have one; they are all of one size.
std::size_t latent_size(std::span<const Exported> studies, Latent latent) {
  std::size_t size = 0;
  for (const Exported& study : studies) size = std::max(size, (study.*latent).size());
  return size;
}

void write_array(const fs::path& path, std::span<const Exported> studies, Latent latent) {
  const std::size_t size = latent_size(studies, latent);
  Tensor rows =
      Tensor::uninitialised({static_cast<int64_t>(studies.size()), static_cast<int64_t>(size)});
  float* row = rows.data();
  for (const Exported& study : studies) {
    const std::vector<float>& values = study.*latent;
    if (values.empty()) std::fill_n(row, size, NAN);
    std::ranges::copy(values, row);
    row += size;
  }
  export_file(path, [&](const fs::path& part) { write_npy(part, rows); });
}

void write_arrays(const fs::path& path, std::span<const Exported> studies) {
  fs::path beside = path;
  write_array(path, studies, &Exported::ctclip);
  write_array(beside.replace_extension(".supervised.npy"), studies, &Exported::supervised);
  beside = path;
  write_lines(beside.replace_extension(".index.csv"), fmt::format("row,{}", kIndexColumns),
              studies.size(),
              [&](std::size_t i) { return fmt::format("{},{}", i, index_line(studies[i])); });
}

void write_csv(const fs::path& path, std::span<const Exported> studies) {
  std::string header = kIndexColumns;
  std::vector<std::string> nothing;  // of each kind of latent
  for (const auto& [name, latent] : kLatents) {
    const std::size_t size = latent_size(studies, latent);
    for (std::size_t k = 0; k < size; ++k) header += fmt::format(",{}_{}", name, k);
    nothing.emplace_back(size, ',');
  }
  write_lines(path, header, studies.size(), [&](std::size_t i) {
    std::string line = index_line(studies[i]);
    for (std::size_t kind = 0; kind < kLatents.size(); ++kind) {
      const std::vector<float>& values = studies[i].*kLatents.at(kind).values;
      line += values.empty() ? nothing[kind] : fmt::format(",{}", fmt::join(values, ","));
    }
    return line;
  });
}

}  // namespace

void write_latents_table(const fs::path& path, std::span<const Exported> studies) {
  path.extension() == ".npy" ? write_arrays(path, studies) : write_csv(path, studies);
}

std::string study_folder(std::size_t number) { return fmt::format("{:04}", number + 1); }

void write_folder_index(const fs::path& folder, std::span<const Exported> studies) {
  write_lines(
      folder / "index.csv", fmt::format("folder,{}", kIndexColumns), studies.size(),
      [&](std::size_t i) { return fmt::format("{},{}", study_folder(i), index_line(studies[i])); });
}

}  // namespace ctclip::app
