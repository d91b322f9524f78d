#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "checkpoint/formats.h"
#include "checkpoint/model_file.h"

namespace ctclip {
namespace {

constexpr std::byte kPickleProtocol{0x80};

bool shapes_agree(const Shape& found, const Shape& expected) {
  return std::equal(found.begin(), found.end(), expected.begin(), expected.end(),
                    [](int64_t have, int64_t want) { return want == -1 || have == want; });
}

}  // namespace

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
  auto file = std::make_shared<const ModelFile>(path);
  if (file->size() == 0) file->refuse("is empty, expected a checkpoint");
  std::array<std::byte, 2> head{};
  file->read(0, std::span(head).first(std::min<uint64_t>(head.size(), file->size())));
  if (head[0] == std::byte{'P'} && head[1] == std::byte{'K'}) return open_torch_zip(file);
  if (is_safetensors(*file)) return open_packed(open_safetensors(file));
  if (head[0] == kPickleProtocol) return open_torch_legacy(file);
  file->refuse("is neither a PyTorch checkpoint nor a safetensors file");
}

const Checkpoint::Entry& Checkpoint::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw Error(Code::bad_model, path_.string() + ": tensor '" + name + "' is missing");
  }
  return found->second;
}

Weights::Weights(std::shared_ptr<const Checkpoint> checkpoint, std::string prefix)
    : checkpoint_(std::move(checkpoint)),
      prefix_(std::move(prefix)),
      taken_(std::make_shared<Taken>()) {}

Weights Weights::scope(const std::string& name) const {
  Weights inner = *this;
  inner.prefix_ += name + ".";
  return inner;
}

bool Weights::contains(const std::string& name) const {
  return checkpoint_->contains(full_name(name));
}

const Shape& Weights::shape(const std::string& name) const {
  return checkpoint_->entry(full_name(name)).shape;
}

const Shape& Weights::expect(const std::string& full, const Shape& expected) const {
  const Shape& found = checkpoint_->entry(full).shape;
  if (!shapes_agree(found, expected)) {
    throw Error(Code::bad_model, checkpoint_->path().string() + ": tensor '" + full +
                                     "' has the shape " + to_string(found) + ", expected " +
                                     to_string(expected));
  }
  return found;
}

void Weights::mark(const std::string& full) const {
  const std::lock_guard lock(taken_->mutex);
  taken_->names.insert(full);
}

Tensor Weights::take(const std::string& name, const Shape& expected) const {
  const std::string full = full_name(name);
  expect(full, expected);
  Tensor tensor = checkpoint_->read(full);
  mark(full);
  return tensor;
}

SharedTensor Weights::share(const std::string& name, const Shape& expected) const {
  const std::string full = full_name(name);
  expect(full, expected);
  SharedTensor tensor = checkpoint_->share(full);
  mark(full);
  return tensor;
}

LazyTensor Weights::lazy(const std::string& name, const Shape& expected) const {
  const std::string full = full_name(name);
  const Shape& found = expect(full, expected);
  mark(full);
  return {full, found, [checkpoint = checkpoint_, full] { return checkpoint->share(full); },
          forms()};
}

LazyTensor Weights::derived(const std::string& name, Shape shape,
                            std::function<SharedTensor()> make) const {
  return {full_name(name), std::move(shape), std::move(make), forms()};
}

std::vector<std::string> Weights::untaken() const {
  std::vector<std::string> result;
  const std::lock_guard lock(taken_->mutex);
  for (const std::string& name : checkpoint_->names()) {
    if (name.starts_with(prefix_) && !taken_->names.contains(name)) {
      result.push_back(name.substr(prefix_.size()));
    }
  }
  return result;
}

}  // namespace ctclip
