#include "checkpoint/packed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <new>
#include <utility>

#include "base/blocked_layout.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"
#include "base/split.h"
#include "checkpoint/formats.h"

namespace ctclip {
namespace {

using namespace pack_format;

constexpr int64_t kMostElements = int64_t{1} << 33;  // of a tensor that is only described

/// "1024,512"; "" is a scalar. Nothing where it is no shape.
std::optional<Shape> shape_of(std::string_view text) {
  Shape shape;
  while (!text.empty()) {
    const std::string_view part = take_until(text, ",");
    int64_t size = 0;
    const auto [last, error] = std::from_chars(part.data(), part.data() + part.size(), size);
    if (error != std::errc() || last != part.data() + part.size()) return {};
    shape.push_back(size);
  }
  const int64_t count = safe_element_count(shape);
  return count < 0 || count > kMostElements ? std::nullopt : std::optional(shape);
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The whole file. One that is cut while it is mapped ends the process: packs are replaced under
/// their name, never written to (docs/models.md).
std::shared_ptr<const std::byte> map(const ModelFile& file) {
  const Descriptor descriptor(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status = {};
  const bool same = descriptor.get() >= 0 && ::fstat(descriptor.get(), &status) == 0 &&
                    static_cast<uint64_t>(status.st_size) == file.size();
  void* memory =
      same ? ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, descriptor.get(), 0) : MAP_FAILED;
  if (memory == MAP_FAILED) file.refuse("cannot be mapped, or changed while it was opened");
  return {static_cast<const std::byte*>(memory),
          [size = file.size(), memory](const std::byte*) { ::munmap(memory, size); }};
}

/// Starts the disk reading what will soon be wanted.
void will_need(const std::byte* data, std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t before = reinterpret_cast<std::uintptr_t>(data) % page;
  ::madvise(const_cast<std::byte*>(data) - before, size + before, MADV_WILLNEED);
}

}  // namespace

PackedCheckpoint::PackedCheckpoint(std::shared_ptr<const StoredCheckpoint> file)
    : file_(std::move(file)), memory_(map(file_->file())) {
  path_ = file_->path();
  read_facts();
  read_sources();
}

void PackedCheckpoint::read_facts() {
  std::map<std::string, std::string> facts;
  for (const std::string& line : file_->strings(kFacts)) {
    std::string_view rest = line;
    const std::string key(take_until(rest, " "));
    facts[key] = std::string(rest);
  }
  if (facts["format"] != kVersion) {
    file_->file().refuse(fmt::format(
        "is a pack of format \"{}\", expected {}: pack its models again with this version",
        quotable(facts["format"]), kVersion));
  }
  facts_ = {facts["source_sha256"], quotable(facts["made_for"]), quotable(facts["made_by"])};
  if (!is_sha256(facts_.source_sha256)) {
    file_->file().refuse("does not say by SHA-256 which file it was packed from: damaged");
  }
}

void PackedCheckpoint::read_sources() {
  for (const std::string& line : file_->strings(kSources)) {
    std::string_view rest = line;
    std::string dtype(take_until(rest, " "));
    const auto shape = shape_of(take_until(rest, " "));
    if (!shape || rest.empty() || file_->contains(std::string(rest)) ||
        !entries_.emplace(rest, Entry{*shape, std::move(dtype)}).second) {
      file_->file().refuse("describes the tensor '" + quotable(line) + "' wrongly");
    }
  }
  for (const std::string& name : file_->names()) {
    if (name.find(kForm) != std::string::npos) continue;
    entries_.emplace(name, file_->entry(name));
    names_.push_back(name);
  }
}

SharedBytes PackedCheckpoint::mapped(const std::string& stored) const {
  const StoredTensor& tensor = file_->stored(stored);
  const std::size_t size =
      static_cast<std::size_t>(tensor.storage_elements) * dtype_size(tensor.dtype);
  const std::byte* data = memory_.get() + tensor.storage;
  if (tensor.storage % kAlignment != 0) {
    file_->file().refuse(fmt::format("tensor '{}' begins at byte {}, expected a multiple of {}",
                                     quotable(stored), tensor.storage, kAlignment));
  }
  will_need(data, size);
  return {{memory_, data}, size};
}

void PackedCheckpoint::require_values(const std::string& name) const {
  if (file_->contains(name)) return;
  file_->file().refuse(fmt::format(
      "tensor '{}' of shape {} was packed for another use than is made of it now (other prompts, "
      "another geometry or vocabulary, another version of ctclip): pack the models again",
      name, to_string(entry(name).shape)));
}

Tensor PackedCheckpoint::read(const std::string& name) const {
  require_values(name);
  return file_->read(name);
}

SharedTensor PackedCheckpoint::share(const std::string& name) const {
  require_values(name);
  const StoredTensor& tensor = file_->stored(name);
  if (tensor.dtype != DType::float32) return file_->read(name);
  return {mapped(name), tensor.shape};
}

std::vector<std::string> PackedCheckpoint::strings(const std::string& key) const {
  return file_->strings(key);
}

SharedBytes PackedCheckpoint::form(const std::string& tensor, const std::string& form,
                                   std::size_t size,
                                   const std::function<void(std::byte*)>& fill) const {
  const std::string stored = tensor + kForm + form;
  if (file_->contains(stored)) {
    SharedBytes found = mapped(stored);
    if (found.size == size) return found;
    file_->file().refuse(
        fmt::format("'{}' has {} bytes, expected {}: damaged", quotable(stored), found.size, size));
  }
  try {
    SharedBytes made = SharedBytes::made(size, fill);
    std::call_once(told_, [this] {
      log().warn(
          "{}: holds no weights in the layout and precision that are wanted here (it was packed "
          "for {}), so they are repacked in memory: starting takes longer, and processes do not "
          "share them. `ctclip models pack` makes a pack for this machine",
          path_.string(), facts_.made_for);
    });
    return made;
  } catch (const std::bad_alloc&) {
    file_->file().refuse(fmt::format("'{}' would take {} bytes: damaged", quotable(stored), size));
  }
}

// Only from float32: what was rounded for one processor is not what another would make.
std::optional<Tensor> PackedCheckpoint::recover(const std::string& tensor) const {
  const std::string prefix = tensor + kForm;
  for (const std::string& name : file_->names()) {
    if (!name.starts_with(prefix)) continue;
    const auto layout = BlockedLayout::parse(std::string_view(name).substr(prefix.size()));
    if (!layout || layout->bf16) continue;
    const SharedBytes bytes = mapped(name);
    if (auto found = layout->unpack(bytes.data.get(), bytes.size)) return found;
    file_->file().refuse(
        fmt::format("'{}' has only {} bytes: damaged", quotable(name), bytes.size));
  }
  return {};
}

std::shared_ptr<const Checkpoint> open_packed(std::shared_ptr<const StoredCheckpoint> file) {
  if (file->strings(kFacts).empty()) return file;
  return std::make_shared<const PackedCheckpoint>(std::move(file));
}

std::optional<PackFacts> pack_facts(const std::filesystem::path& path) {
  const auto file = std::make_shared<const ModelFile>(path);
  if (!is_safetensors(*file)) return {};
  const auto opened = open_packed(open_safetensors(file));
  const auto* packed = dynamic_cast<const PackedCheckpoint*>(opened.get());
  return packed == nullptr ? std::nullopt : std::optional(packed->facts());
}

}  // namespace ctclip
