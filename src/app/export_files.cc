#include "app/export_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "base/npy.h"
#include "batch/output.h"
#include "study/nifti.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

struct Kind {
  std::string_view option;
  fs::path ExportFiles::*file;
  std::array<std::string_view, 2> endings;  ///< the second may be empty
  bool binary;
};
constexpr std::array kKinds = {Kind{"--tensor", &ExportFiles::tensor, {".npy"}, true},
                               Kind{"--latents", &ExportFiles::latents, {".npy"}, true},
                               Kind{"--features", &ExportFiles::features, {".json"}, false},
                               Kind{"--volume", &ExportFiles::volume, {".nii", ".nii.gz"}, true}};

std::span<const std::string_view> endings_of(const Kind& kind) {
  return std::span(kind.endings).first(kind.endings[1].empty() ? 1 : 2);
}

void check_standard_output(const Kind& kind) {
  if (!kind.binary || isatty(STDOUT_FILENO) == 0) return;
  throw Error(Code::usage, fmt::format("{} -: the standard output is a terminal, expected a file "
                                       "or a pipe",
                                       kind.option));
}

void write_bytes(const fs::path& file, const std::function<void(std::ostream&)>& write) {
  if (file == kStandardOutput) {
    write(std::cout);
    if (!std::cout.flush()) throw Error(Code::internal, "the standard output cannot be written");
    return;
  }
  export_file(file, [&](const fs::path& part) {
    std::ofstream out(part, std::ios::binary);
    write(out);
    if (!out.flush()) batch::cannot_write(file);
  });
}

}  // namespace

void check_ending(std::string_view option, const fs::path& file,
                  std::span<const std::string_view> endings) {
  const std::string name = file.filename().string();
  if (std::ranges::any_of(endings, [&](auto ending) { return name.ends_with(ending); })) return;
  throw Error(Code::usage, fmt::format("{} {}: expected a name that ends in {}", option,
                                       file.string(), fmt::join(endings, " or ")));
}

void check_names(const ExportFiles& files) {
  bool taken = false;
  for (const Kind& kind : kKinds) {
    const fs::path& file = files.*kind.file;
    if (file.empty()) continue;
    if (file != kStandardOutput) {
      check_ending(kind.option, file, endings_of(kind));
      continue;
    }
    check_standard_output(kind);
    if (std::exchange(taken, true)) {
      throw Error(Code::usage, "the standard output takes one file, found - twice");
    }
  }
}

ExportFiles in_folder(const fs::path& folder, const ExportFiles& files) {
  ExportFiles inside;
  for (const Kind& kind : kKinds) {
    const fs::path& file = files.*kind.file;
    if (file.empty()) continue;
    if (file == kStandardOutput || file != file.filename()) {
      throw Error(Code::usage, fmt::format("{} {}: expected the name of a file in the folders of "
                                           "--out, found more than a name",
                                           kind.option, file.string()));
    }
    inside.*kind.file = folder / file;
  }
  return inside;
}

void export_file(const fs::path& file, const std::function<void(const fs::path&)>& write) {
  std::error_code ignored;  // the write tells
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), ignored);
  batch::write_whole(file, write);
}

void export_array(const fs::path& file, const Tensor& values) {
  write_bytes(file, [&](std::ostream& out) { write_npy(out, values); });
}

void export_text(const fs::path& file, std::string_view text) {
  write_bytes(file, [&](std::ostream& out) { out << text; });
}

void export_nifti(const fs::path& file, const Volume& volume) {
  if (file == kStandardOutput) {
    return write_nifti(dup(STDOUT_FILENO), "the standard output", volume, false);
  }
  export_file(file, [&](const fs::path& part) {
    const int opened = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    write_nifti(opened, file.string(), volume, file.extension() == ".gz");
  });
}

}  // namespace ctclip::app
