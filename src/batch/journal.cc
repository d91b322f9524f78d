#include "batch/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace ctclip::batch {
namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 2;  // 1 had no rows of single studies of an archive

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Code::usage, fmt::format("{}: {}", path.string(), what));
}

ordered_json to_json(const JournalHeader& header) {
  return {{"ctclip_batch", kVersion},
          {"input", header.input},
          {"answering", header.answering},
          {"shard", to_string(header.shard)},
          {"threshold", header.threshold ? ordered_json(*header.threshold) : ordered_json(nullptr)},
          {"any_anatomy", header.any_anatomy}};
}

JournalHeader header_of(const ordered_json& json) {
  JournalHeader header;
  json.at("input").get_to(header.input);
  json.at("answering").get_to(header.answering);
  header.shard = parse_shard(json.at("shard"));
  if (!json.at("threshold").is_null()) header.threshold = json["threshold"].get<double>();
  json.at("any_anatomy").get_to(header.any_anatomy);
  return header;
}

/// The first thing that two batches differ in, to be read.
std::string difference(const JournalHeader& before, const JournalHeader& now) {
  const auto differ = [](const char* name, const auto& was, const auto& is) {
    return fmt::format("was begun with {} {}, and this is {}", name, was, is);
  };
  if (before.input != now.input) return "was begun with another --input-dir";
  if (before.answering != now.answering) return differ("answers", before.answering, now.answering);
  if (before.shard != now.shard) {
    return differ("--shard", to_string(before.shard), to_string(now.shard));
  }
  return "was begun with another --threshold or --any-anatomy";
}

}  // namespace

std::filesystem::path journal_of(const std::filesystem::path& output) {
  return output.string() + ".journal.jsonl";
}

JournalReader::JournalReader(const std::filesystem::path& path)
    : path_(path), file_(path, std::ios::binary) {
  if (!file_) refuse(path, "cannot be read: " + reason(errno));
  const auto first = line();
  if (!first) return;
  try {
    if (first->at("ctclip_batch") != kVersion) refuse(path, "is of another version of ctclip");
    header_ = header_of(*first);
  } catch (const nlohmann::json::exception&) {
    refuse(path, "is no journal of ctclip batch");
  }
}

void JournalReader::damaged() const {
  refuse(path_, fmt::format("line {} is damaged; everything before it is whole", number_));
}

std::optional<ordered_json> JournalReader::line() {
  std::string text;
  if (!std::getline(file_, text) || file_.eof()) return std::nullopt;
  begin_ = end_;
  end_ += text.size() + 1;
  ++number_;
  ordered_json json = ordered_json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    if (number_ == 1) refuse(path_, "is no journal of ctclip batch");
    damaged();
  }
  return json;
}

std::optional<Row> JournalReader::next() {
  while (auto json = line()) {
    finished_ = json->contains("finished");
    if (finished_) continue;
    try {
      return row_of(*json);
    } catch (const Error&) {
      damaged();
    }
  }
  return std::nullopt;
}

Row JournalReader::at(uint64_t offset) {
  std::string text;
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset));
  std::getline(file_, text);
  return row_of(ordered_json::parse(text, nullptr, false));
}

Journal::Journal(const std::filesystem::path& path, const JournalHeader& header,
                 const std::function<void(const Row&)>& take)
    : path_(path), file_(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_ < 0) refuse(path, "cannot be written: " + reason(errno));
  try {
    if (flock(file_, LOCK_EX | LOCK_NB) != 0) refuse(path, "another ctclip batch is writing it");
    go_on(header, take);
  } catch (...) {
    close(file_);
    throw;
  }
}

Journal::~Journal() { close(file_); }

void Journal::go_on(const JournalHeader& header, const std::function<void(const Row&)>& take) {
  JournalReader reader(path_);
  if (!reader.empty() && reader.header() != header) {
    refuse(path_, difference(reader.header(), header) +
                      "; --resume needs the same, --overwrite "
                      "begins anew");
  }
  while (const auto row = reader.next()) take(*row);
  end_ = reader.end();
  if (ftruncate(file_, static_cast<off_t>(end_)) != 0) refuse(path_, "cannot be written");
  if (!reader.empty()) return;
  write(to_json(header));
  // The new name itself has to be on disk, too.
  const auto folder = std::filesystem::absolute(path_).parent_path();
  const int parent = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return;
  fsync(parent);
  close(parent);
}

void Journal::write(const ordered_json& json) {
  const std::string line = json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote = ::write(file_, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) break;
    done += static_cast<std::size_t>(wrote);
  }
  if (done == line.size() && fsync(file_) == 0) {
    end_ += line.size();
    return;
  }
  const int error = errno;
  if (ftruncate(file_, static_cast<off_t>(end_)) != 0) { /* the reader drops a torn line */
  }
  throw Error(error == ENOSPC || error == EDQUOT ? Code::disk_full : Code::internal,
              fmt::format("{}: cannot be written: {}", path_.string(), reason(error)));
}

void Journal::append(const Row& row) { write(batch::to_json(row)); }
void Journal::finish() { write({{"finished", true}}); }

}  // namespace ctclip::batch
