#include "pipeline/comparison.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/descriptor.h"
#include "base/error.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMostStudies = 1'000'000'000;
constexpr int64_t kMostValues = 1'000'000'000'000'000;
constexpr double kHalfTurn = 180;

/// Reads a comparison's fields, each with its name for the refusal.
class Reader {
 public:
  Reader(const json& node, const fs::path& file, std::string name)
      : node_(node), file_(file), name_(std::move(name)) {
    if (!node.is_object()) refuse("an object", node);
  }

  /// `key`: of the field that is wrong; empty for the whole of this object.
  [[noreturn]] void refuse(const std::string& expected, const json& found,
                           const std::string& key = {}) const {
    constexpr std::size_t kEnough = 60;
    std::string shown = found.dump(-1, ' ', true, json::error_handler_t::replace);
    if (shown.size() > kEnough) shown = shown.substr(0, kEnough) + "...";
    throw Error(Code::bad_model,
                fmt::format("{}: \"{}{}{}\": expected {}, found {}", file_.string(), name_,
                            key.empty() ? "" : ".", key, expected, shown));
  }

  Reader field(const char* key) const { return {at(key), file_, name_ + "." + key}; }

  int64_t count(const char* key, int64_t most) const {
    const json& value = at(key);
    const bool whole = value.is_number_integer() &&
                       (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    if (!whole || value.get<int64_t>() < 0 || value.get<int64_t>() > most) {
      refuse(fmt::format("a whole number from 0 to {}", most), value, key);
    }
    return value.get<int64_t>();
  }

  double size(const char* key, double most) const {
    const json& value = at(key);
    if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= most)) {
      refuse(fmt::format("a number from 0 to {}", most), value, key);
    }
    return value.get<double>();
  }

  /// Text of characters that nothing has to escape, wherever it will be shown.
  std::string text(const char* key, std::string_view allowed, std::size_t least, std::size_t most,
                   const std::string& expected) const {
    const json& value = at(key);
    const auto* found = value.get_ptr<const std::string*>();
    if (found == nullptr || found->size() < least || found->size() > most ||
        found->find_first_not_of(allowed) != std::string::npos) {
      refuse(expected, value, key);
    }
    return *found;
  }

  const json& node() const { return node_; }

 private:
  const json& at(const char* key) const {
    const auto found = node_.find(key);
    if (found == node_.end()) refuse(fmt::format("a field \"{}\"", key), node_);
    return *found;
  }

  const json& node_;
  const fs::path& file_;
  std::string name_;
};

Spread read_spread(const Reader& reader, double most) {
  const Spread spread{reader.count("values", kMostValues), reader.size("median", most),
                      reader.size("percentile_95", most), reader.size("largest", most)};
  if (spread.median > spread.percentile_95 || spread.percentile_95 > spread.largest) {
    reader.refuse("median <= percentile_95 <= largest", reader.node());
  }
  return spread;
}

[[noreturn]] void cannot_replace(const fs::path& file) {
  throw Error(Code::bad_model,
              fmt::format("{}: cannot be replaced: {}", file.string(), std::strerror(errno)));
}

/// Where bundle.json itself is, if a link leads there.
fs::path bundle_json(const fs::path& folder) {
  const fs::path file = folder / "bundle.json";
  if (!fs::exists(file)) {
    throw Error(Code::bad_model,
                fmt::format("{}: has no bundle.json to record the comparison in; either write one "
                            "(docs/models.md), or pack the models (ctclip models pack {} OUT) and "
                            "compare OUT, which has one",
                            folder.string(), folder.string()));
  }
  return fs::canonical(file);
}

void write_and_sync(const Descriptor& descriptor, std::string_view text, const fs::path& file) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor.get(), text.data(), text.size());
    if (written < 0) cannot_replace(file);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(descriptor.get()) != 0) cannot_replace(file);
}

/// A reader sees the old file or the new one, also after a power cut.
void replace(const fs::path& file, const std::string& text) {
  struct stat old {};
  if (stat(file.c_str(), &old) != 0) cannot_replace(file);
  std::string fresh = file.string() + ".XXXXXX";
  const Descriptor descriptor(mkostemp(fresh.data(), O_CLOEXEC));
  if (descriptor.get() < 0) cannot_replace(file);
  try {
    write_and_sync(descriptor, text, file);
    // Only root may give a file away; for everybody else the owner is the same already, or the
    // service could not read it.
    if (fchmod(descriptor.get(), old.st_mode & 0777U) != 0 ||
        (geteuid() == 0 && fchown(descriptor.get(), old.st_uid, old.st_gid) != 0) ||
        rename(fresh.c_str(), file.c_str()) != 0) {
      cannot_replace(file);
    }
  } catch (...) {
    unlink(fresh.c_str());
    throw;
  }
  const Descriptor folder(open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) cannot_replace(file);
}

}  // namespace

std::string Comparison::summary() const {
  const auto fused = std::ranges::find(differences, kKinds[0], &Kind::name);
  return fmt::format("{} {}, {} {} flipped, probability_of_pathology differs by {} at most",
                     studies, studies == 1 ? "study" : "studies", flipped,
                     flipped == 1 ? "decision" : "decisions",
                     fused == differences.end() ? "?" : shown_difference(fused->spread.largest));
}

bool is_angle(std::string_view kind) { return kind.ends_with("_latent"); }

std::string shown_difference(double value) {
  if (value == 0) return "0";
  return value < 0.001 ? fmt::format("{:.1e}", value) : fmt::format("{:.4f}", value);
}

ordered_json comparison_json(const Comparison& comparison) {
  ordered_json differences;
  for (const auto& [name, spread] : comparison.differences) {
    differences[name] = {{"unit", is_angle(name) ? "degree" : "probability"},
                         {"values", spread.values},
                         {"median", spread.median},
                         {"percentile_95", spread.percentile_95},
                         {"largest", spread.largest}};
  }
  return {{"precision", "bf16"},
          {"bundle_sha256", comparison.bundle_sha256},
          {"date", comparison.date},
          {"version", comparison.version},
          {"studies", comparison.studies},
          {"flipped_decisions", comparison.flipped},
          {"changed_types", comparison.other_type},
          {"differences", differences}};
}

Comparison read_comparison(const json& node, const fs::path& file) {
  constexpr std::string_view kDigits = "0123456789-";
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kVersion =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~";
  const Reader reader(node, file, std::string(Comparison::kKey));
  reader.text("precision", "bf16", 4, 4, "\"bf16\"");
  Comparison found;
  found.bundle_sha256 = reader.text("bundle_sha256", kHex, 64, 64, "64 hexadecimal digits");
  found.date = reader.text("date", kDigits, 10, 10, "a date as 2026-03-01");
  found.version = reader.text("version", kVersion, 1, 40, "a version of the program");
  found.studies = reader.count("studies", kMostStudies);
  found.flipped = reader.count("flipped_decisions", found.studies);
  found.other_type = reader.count("changed_types", found.studies);
  const Reader differences = reader.field("differences");
  for (const std::string_view kind : Comparison::kKinds) {
    const std::string name(kind);
    if (!differences.node().contains(name)) continue;  // a bundle need not have every detector
    found.differences.push_back(
        {name, read_spread(differences.field(name.c_str()), is_angle(kind) ? kHalfTurn : 1)});
  }
  if (found.differences.empty() || found.differences[0].name != Comparison::kKinds[0]) {
    differences.refuse("a field \"probability_of_pathology\"", differences.node());
  }
  return found;
}

void require_record(const fs::path& folder) {
  const fs::path file = bundle_json(folder);
  if (access(file.parent_path().c_str(), W_OK) != 0) cannot_replace(file);
}

void record_comparison(const fs::path& folder, const Comparison& comparison) {
  const fs::path file = bundle_json(folder);
  std::ifstream stream(file);
  ordered_json root = ordered_json::parse(stream);
  root[std::string(Comparison::kKey)] = comparison_json(comparison);
  replace(file, root.dump(2) + '\n');
}

}  // namespace ctclip
