#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/lazy_tensor.h"
#include "base/tensor.h"

namespace ctclip {

/// A model's tensors in a file: PyTorch (zip container since 1.6, legacy before) or safetensors,
/// found by content. Opening reads the names; tensors are read one at a time when asked for, the
/// file never as a whole. A PyTorch file's state dict is `model_state_dict` where that key exists
/// (else `state_dict`, else the map itself). Nothing in the file is ever executed. Thread-safe once
/// open.
class Checkpoint {
 public:
  struct Entry {
    Shape shape;
    std::string dtype;  ///< "float32", "bfloat16", "int64", ...
  };

  /// Throws Error{bad_model}: the file, what was expected, what was found.
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path);
  virtual ~Checkpoint() = default;

  const std::filesystem::path& path() const { return path_; }
  /// In file order.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return entries_.contains(name); }
  const Entry& entry(const std::string& name) const;  // throws Error{bad_model} where it is absent

  /// Any dtype converted to float32 (float16 and bfloat16 exactly), strides resolved, row-major.
  virtual Tensor read(const std::string& name) const = 0;
  /// The same for one that nobody will write: in memory that other processes share, where the file
  /// holds it as it is used.
  virtual SharedTensor share(const std::string& name) const { return read(name); }
  /// The strings of a list beside the state dict: {"target_pathologies": ["cancer", ...]}; in
  /// safetensors a metadata string that holds a JSON list. Empty where absent; throws
  /// Error{bad_model} where something else is there.
  virtual std::vector<std::string> strings(const std::string& key) const = 0;
  /// Where it keeps packed forms of its tensors, or leaves them; null for an ordinary file.
  virtual const FormStore* forms() const { return nullptr; }

 protected:
  std::filesystem::path path_;
  std::vector<std::string> names_;
  std::map<std::string, Entry> entries_;
};

/// A scope of a checkpoint's names ("visual_transformer.vq.") from which layers take what they
/// declare. Copies share one record of what was taken, so that leftovers can be refused by name.
/// Thread-safe.
class Weights {
 public:
  explicit Weights(std::shared_ptr<const Checkpoint> checkpoint, std::string prefix = "");

  Weights scope(const std::string& name) const;
  bool contains(const std::string& name) const;
  /// Shape of a tensor that must exist. Does not count as taken.
  const Shape& shape(const std::string& name) const;
  /// Float32 values. Throws Error{bad_model} where the tensor is absent or has another shape: the
  /// file, the full name, both shapes. A dimension of -1 in `expected` takes any size.
  Tensor take(const std::string& name, const Shape& expected) const;
  SharedTensor share(const std::string& name, const Shape& expected) const;
  /// The same for a layer that packs it: the values are read where no packed form is kept. Counts
  /// as taken at once.
  LazyTensor lazy(const std::string& name, const Shape& expected) const;
  /// What `make` computes from tensors of this scope, for a file that keeps it. `name` says
  /// everything that the values depend on besides the tensors.
  LazyTensor derived(const std::string& name, Shape shape,
                     std::function<SharedTensor()> make) const;
  /// Names in this scope (without its prefix) that nothing has taken.
  std::vector<std::string> untaken() const;
  /// Full name of a tensor, for messages.
  std::string full_name(const std::string& name) const { return prefix_ + name; }
  const Checkpoint& checkpoint() const { return *checkpoint_; }

 private:
  struct Taken {
    std::mutex mutex;
    std::set<std::string> names;
  };
  const Shape& expect(const std::string& full, const Shape& expected) const;
  void mark(const std::string& full) const;
  std::shared_ptr<const FormStore> forms() const { return {checkpoint_, checkpoint_->forms()}; }

  std::shared_ptr<const Checkpoint> checkpoint_;
  std::string prefix_;
  std::shared_ptr<Taken> taken_;
};

}  // namespace ctclip
