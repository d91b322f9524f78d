#include "checkpoint/pack_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace ctclip {
namespace {

using nlohmann::ordered_json;
using namespace pack_format;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kLengthSize = 8;
// Of the header, which is written last, in front of everything else: far more than the entries of
// any network take.
constexpr uint64_t kReserved = uint64_t{256} << 10U;
constexpr uint64_t kReservedForEach = uint64_t{2} << 10U;

uint64_t rounded_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

}  // namespace

/// A safetensors file that is written front to back, its header at the end.
class PackRecorder::File {
 public:
  File(std::filesystem::path path, std::size_t tensors)
      : path_(std::move(path)),
        part_(path_.string() + ".part"),
        descriptor_(::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)),
        data_(rounded_up(kReserved + tensors * kReservedForEach, kPage)) {
    if (descriptor_.get() < 0) refuse();
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    std::error_code ignored;
    if (!finished_) std::filesystem::remove(part_, ignored);
  }

  bool contains(const std::string& name) const { return names_.contains(name); }

  void add(const std::string& name, std::string_view dtype, const Shape& shape,
           std::span<const std::byte> bytes) {
    const uint64_t begin = position_;
    write(data_ + position_, bytes);
    position_ += bytes.size();
    describe(name, dtype, shape, begin);
    // Safetensors allow no gap, so what aligns the next tensor is one, too.
    if (const uint64_t gap = rounded_up(position_, kAlignment) - position_; gap > 0) {
      constexpr std::array<std::byte, kAlignment> kZeros{};
      const uint64_t from = position_;
      write(data_ + position_, std::span(kZeros).first(gap));
      position_ += gap;
      describe(fmt::format("{}{}", kForm, from), "U8", {static_cast<int64_t>(gap)}, from);
    }
  }

  void finish(ordered_json metadata) {
    header_["__metadata__"] = std::move(metadata);
    std::string text = header_.dump();
    if (text.size() > data_ - kLengthSize) {
      throw Error(Code::internal, fmt::format("{}: its header of {} bytes does not fit into {}",
                                              path_.string(), text.size(), data_ - kLengthSize));
    }
    text.resize(data_ - kLengthSize, ' ');
    std::array<std::byte, kLengthSize> length{};
    for (std::size_t i = 0; i < length.size(); ++i) {
      length[i] = static_cast<std::byte>((text.size() >> (8 * i)) & 0xffU);
    }
    write(0, length);
    write(kLengthSize, std::as_bytes(std::span(text)));
    if (::fsync(descriptor_.get()) != 0) refuse();
    std::error_code failure;
    std::filesystem::rename(part_, path_, failure);
    if (failure) refuse();
    finished_ = true;
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(Code::internal, fmt::format("{}: cannot be written: {}", path_.string(),
                                            std::generic_category().message(errno)));
  }

  void describe(const std::string& name, std::string_view dtype, const Shape& shape,
                uint64_t begin) {
    names_.insert(name);
    header_[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, position_}}};
  }

  void write(uint64_t at, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t put =
          ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) refuse();
      at += static_cast<uint64_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }

  std::filesystem::path path_, part_;
  Descriptor descriptor_;
  uint64_t data_;  // where the tensors begin
  uint64_t position_ = 0;
  ordered_json header_ = ordered_json::object();
  std::set<std::string> names_;
  bool finished_ = false;
};

PackRecorder::PackRecorder(std::shared_ptr<const Checkpoint> source,
                           const std::filesystem::path& path, PackFacts facts)
    : source_(std::move(source)),
      facts_(std::move(facts)),
      file_(std::make_unique<File>(path, source_->names().size())) {
  path_ = source_->path();
  for (const std::string& name : source_->names()) {
    if (name.find(kForm) != std::string::npos) {
      throw Error(Code::bad_model, fmt::format("{}: a tensor's name with '{}' cannot be packed: {}",
                                               path_.string(), kForm, name));
    }
    names_.push_back(name);
    entries_.emplace(name, source_->entry(name));
  }
}

PackRecorder::~PackRecorder() = default;

Tensor PackRecorder::read(const std::string& name) const {
  Tensor tensor = source_->read(name);
  if (making_ == 0 && !file_->contains(name)) {
    file_->add(name, "F32", tensor.shape(), std::as_bytes(std::as_const(tensor).values()));
  }
  return tensor;
}

std::vector<std::string> PackRecorder::strings(const std::string& key) const {
  return source_->strings(key);
}

SharedBytes PackRecorder::form(const std::string& tensor, const std::string& form, std::size_t size,
                               const std::function<void(std::byte*)>& fill) const {
  ++making_;
  SharedBytes made = SharedBytes::made(size, fill);
  --making_;
  const std::string name = tensor + kForm + form;
  if (making_ == 0 && !file_->contains(name)) {
    file_->add(name, "U8", {static_cast<int64_t>(size)}, {made.data.get(), size});
  }
  return made;
}

void PackRecorder::finish() {
  const std::vector<std::string> facts = {
      fmt::format("format {}", kVersion), "source_sha256 " + facts_.source_sha256,
      "made_for " + facts_.made_for, "made_by " + facts_.made_by};
  std::vector<std::string> sources;
  for (const std::string& name : names_) {
    if (file_->contains(name)) continue;
    const Entry& found = entry(name);
    sources.push_back(fmt::format("{} {} {}", found.dtype, fmt::join(found.shape, ","), name));
  }
  // Metadata of safetensors are strings, a list one that holds JSON.
  ordered_json metadata = {{kFacts, ordered_json(facts).dump()},
                           {kSources, ordered_json(sources).dump()}};
  if (const auto listed = strings(kPathologies); !listed.empty()) {
    metadata[kPathologies] = ordered_json(listed).dump();
  }
  file_->finish(std::move(metadata));
}

}  // namespace ctclip
