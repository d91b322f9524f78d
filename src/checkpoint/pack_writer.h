#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/packed.h"

namespace ctclip {

/// A checkpoint that is read as ever, and meanwhile writes a pack of what its reader takes: plain
/// tensors as they are, packed forms as the layers make them. Build a network of it (once for each
/// precision), then `finish`. One thread at a time, but for what runs inside a form's making.
class PackRecorder : public Checkpoint, public FormStore {
 public:
  /// Throws Error{internal} where `path` cannot be written.
  PackRecorder(std::shared_ptr<const Checkpoint> source, const std::filesystem::path& path,
               PackFacts facts);
  ~PackRecorder() override;

  /// The file appears under its name, whole and on the disk. Throws Error{internal} where it
  /// cannot.
  void finish();

  Tensor read(const std::string& name) const override;
  std::vector<std::string> strings(const std::string& key) const override;
  const FormStore* forms() const override { return this; }
  SharedBytes form(const std::string& tensor, const std::string& form, std::size_t size,
                   const std::function<void(std::byte*)>& fill) const override;
  std::optional<Tensor> recover(const std::string& /*tensor*/) const override { return {}; }

 private:
  class File;

  std::shared_ptr<const Checkpoint> source_;
  PackFacts facts_;
  std::unique_ptr<File> file_;
  mutable int making_ = 0;  ///< forms that are being made: what they read is not left in the pack
};

}  // namespace ctclip
