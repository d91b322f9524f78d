#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/stored_tensors.h"

namespace ctclip {

/// A *pack* is a safetensors file in which `models pack` left a checkpoint the way the kernels read
/// it (docs/formats.md): tensors that are used as they are under their own names, packed forms
/// under "<tensor>#<form>", all aligned to 64 bytes, and lists of strings in the metadata: facts,
/// and the shapes of tensors whose values are not there any more.
namespace pack_format {
inline constexpr std::string_view kVersion = "1";
inline constexpr const char* kFacts = "ctclip.pack";       ///< "<key> <value>"
inline constexpr const char* kSources = "ctclip.sources";  ///< "<dtype> <sizes> <name>"
inline constexpr const char* kPathologies = "target_pathologies";
inline constexpr char kForm = '#';
inline constexpr uint64_t kAlignment = 64;
}  // namespace pack_format

/// What a pack says of itself.
struct PackFacts {
  std::string source_sha256;  ///< of the file that it was made from
  std::string made_for;       ///< instruction set and oneDNN, in words
  std::string made_by;        ///< version of ctclip
};

/// A pack, mapped: pages are read when they are first used, and shared by every process that uses
/// the file. A form that this machine does not read is made anew in memory, which is logged once.
/// Thread-safe.
class PackedCheckpoint : public Checkpoint, public FormStore {
 public:
  /// Throws Error{bad_model} where the lists are damaged or of another version.
  explicit PackedCheckpoint(std::shared_ptr<const StoredCheckpoint> file);

  const PackFacts& facts() const { return facts_; }

  /// Throws Error{bad_model} for a tensor that was packed for another use.
  Tensor read(const std::string& name) const override;
  SharedTensor share(const std::string& name) const override;
  std::vector<std::string> strings(const std::string& key) const override;
  const FormStore* forms() const override { return this; }

  /// Throws Error{bad_model} where the pack has neither the form nor what it is made of.
  SharedBytes form(const std::string& tensor, const std::string& form, std::size_t size,
                   const std::function<void(std::byte*)>& fill) const override;
  std::optional<Tensor> recover(const std::string& tensor) const override;

 private:
  void require_values(const std::string& name) const;
  void read_facts();
  void read_sources();
  SharedBytes mapped(const std::string& stored) const;

  std::shared_ptr<const StoredCheckpoint> file_;
  std::shared_ptr<const std::byte> memory_;
  PackFacts facts_;
  mutable std::once_flag told_;
};

/// What the pack at `path` says of itself; nothing where that file is no pack.
std::optional<PackFacts> pack_facts(const std::filesystem::path& path);

}  // namespace ctclip
