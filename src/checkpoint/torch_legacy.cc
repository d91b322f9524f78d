#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "checkpoint/formats.h"
#include "checkpoint/pickle.h"
#include "checkpoint/stored_tensors.h"
#include "checkpoint/torch_state.h"

namespace ctclip {
namespace {

using pickle::Document;
using pickle::Kind;
using pickle::Ref;

/// 0x1950a86a20f9469cfc6c
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kProtocol = 1001;

struct Place {
  uint64_t offset = 0;
  uint64_t elements = 0;
  uint64_t element_size = 0;
};

void check_head(const Document& doc, Ref magic, ByteInput& input) {
  if (doc[magic].kind != Kind::big_integer || doc[magic].text != kMagic) {
    input.refuse("is a pickle but no PyTorch checkpoint: expected its magic number, found " +
                 doc.describe(magic));
  }
}

void check_system(const Document& doc, Ref protocol, Ref system, ByteInput& input) {
  if (doc[protocol].integer != kProtocol) {
    input.refuse(fmt::format("has the protocol {}, expected {}", doc[protocol].integer, kProtocol));
  }
  const auto little = doc.find(system, "little_endian");
  if (little && doc[*little].integer == 0) input.refuse("is big-endian, expected little-endian");
}

/// Bytes of an element for each storage that the pickle mentions: the file itself does not say.
std::map<std::string, uint64_t> element_sizes(const Document& doc, const ModelFile& file) {
  std::map<std::string, uint64_t> sizes;
  for (Ref ref = 0; ref < doc.size(); ++ref) {
    const auto id = torch::storage_id(doc, ref, file);
    if (!id) continue;
    if (!sizes.emplace(id->key, id->element_size).second && sizes[id->key] != id->element_size) {
      file.refuse("storage '" + quotable(id->key) + "' is of two types");
    }
  }
  return sizes;
}

/// Walks over the storages: for each key an element count and the elements.
std::map<std::string, Place> find_storages(const Document& doc, Ref keys, ByteInput& input,
                                           const ModelFile& file) {
  if (doc[keys].kind != Kind::list) {
    input.refuse("expected the list of storages, found " + doc.describe(keys));
  }
  const std::map<std::string, uint64_t> sizes = element_sizes(doc, file);
  std::map<std::string, Place> places;
  for (const Ref ref : doc[keys].items) {
    const std::string& key = doc[ref].text;
    const auto size = sizes.find(key);
    if (size == sizes.end()) {
      input.refuse("storage '" + quotable(key) + "' is listed but nothing uses it");
    }
    std::array<std::byte, 8> raw{};
    input.read(raw);
    const Place place{input.position(), little_endian(raw), size->second};
    if (place.elements > input.remaining() / place.element_size) {
      input.refuse(fmt::format(
          "storage '{}' has {} elements of {} bytes where {} bytes are left: the file is cut",
          quotable(key), place.elements, place.element_size, input.remaining()));
    }
    input.skip(place.elements * place.element_size);
    if (!places.emplace(key, place).second) input.refuse("a storage is listed twice");
  }
  return places;
}

}  // namespace

std::shared_ptr<const Checkpoint> open_torch_legacy(const std::shared_ptr<const ModelFile>& file) {
  ByteInput input(*file, 0, file->size());
  Document document;
  const auto next = [&] { return pickle::load(document, input, {}); };
  check_head(document, next(), input);
  const Ref protocol = next();
  check_system(document, protocol, next(), input);
  const Ref root = next();
  const Ref keys = next();
  const std::map<std::string, Place> places = find_storages(document, keys, input, *file);
  torch::State state = torch::read_state(document, root, *file);
  auto checkpoint = std::make_shared<StoredCheckpoint>(file, std::move(state.lists));
  for (auto& [name, storage, tensor] : state.tensors) {
    const auto place = places.find(storage.key);
    if (place == places.end()) {
      file->refuse("tensor '" + quotable(name) + "': its storage is not in the file");
    }
    const uint64_t bytes = place->second.elements * place->second.element_size;
    tensor.storage = place->second.offset;
    tensor.storage_elements = static_cast<int64_t>(bytes / dtype_size(tensor.dtype));
    checkpoint->add(name, std::move(tensor));
  }
  return checkpoint;
}

}  // namespace ctclip
