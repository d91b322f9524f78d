#include <fmt/format.h>

#include <string>
#include <utility>

#include "checkpoint/formats.h"
#include "checkpoint/pickle.h"
#include "checkpoint/stored_tensors.h"
#include "checkpoint/torch_state.h"
#include "checkpoint/zip_directory.h"

namespace ctclip {
namespace {

constexpr std::string_view kPickle = "/data.pkl";

/// The archive's root folder, named after the file or "archive".
std::string root_folder(const ZipDirectory& directory, const ModelFile& file) {
  std::string root;
  for (const auto& [name, record] : directory.records()) {
    if (!name.ends_with(kPickle) || name.find('/') != name.size() - kPickle.size()) continue;
    if (!root.empty()) file.refuse("holds two checkpoints: expected one record '<root>/data.pkl'");
    root = name.substr(0, name.size() - kPickle.size());
  }
  if (root.empty()) {
    file.refuse(
        "is a ZIP archive but no PyTorch checkpoint: the record '<root>/data.pkl' is missing");
  }
  if (directory.records().contains(root + "/constants.pkl")) {
    file.refuse("is a TorchScript program, expected the state dict of one");
  }
  return root;
}

void require_little_endian(const ZipDirectory& directory, const std::string& root,
                           const ModelFile& file) {
  const std::string name = root + "/byteorder";
  if (!directory.records().contains(name)) return;
  const auto [offset, size] = directory.locate(name);
  std::string order(std::min<uint64_t>(size, 16), '\0');
  file.read(offset, std::as_writable_bytes(std::span(order)));
  if (order != "little") file.refuse("has byte order '" + quotable(order) + "', expected 'little'");
}

}  // namespace

std::shared_ptr<const Checkpoint> open_torch_zip(const std::shared_ptr<const ModelFile>& file) {
  const ZipDirectory directory(*file);
  const std::string root = root_folder(directory, *file);
  require_little_endian(directory, root, *file);
  const auto [offset, size] = directory.locate(root + std::string(kPickle));
  ByteInput input(*file, offset, offset + size);
  pickle::Document document;
  const pickle::Ref top = pickle::load(document, input, {});
  torch::State state = torch::read_state(document, top, *file);
  auto checkpoint = std::make_shared<StoredCheckpoint>(file, std::move(state.lists));
  for (auto& [name, storage, tensor] : state.tensors) {
    const auto extent = directory.locate(root + "/data/" + storage.key);
    if (static_cast<uint64_t>(storage.elements) > extent.size / storage.element_size) {
      file->refuse(fmt::format(
          "tensor '{}': its record '{}' has {} bytes, expected {} elements of {}", quotable(name),
          quotable(storage.key), extent.size, storage.elements, storage.element_size));
    }
    tensor.storage = extent.offset;
    checkpoint->add(name, std::move(tensor));
  }
  return checkpoint;
}

}  // namespace ctclip
