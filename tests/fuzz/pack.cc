// Packs (checkpoint/packed.h): opening one, and reading every tensor that it names or describes: as
// it is, out of another layout, and as a layer asks for it.

#include <algorithm>
#include <string>
#include <vector>

#include "base/lazy_tensor.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "fuzz/fuzz.h"

namespace {

using namespace ctclip;

// What a small pack in the corpus describes; a mutation keeps some of it.
const std::vector<std::string> kDescribed = {"weight", "kernel", "scale", "weight scaled"};

float touch(const std::byte* bytes, std::size_t size) {
  float sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<float>(bytes[i]);
  return sum;
}

void read_all(const std::shared_ptr<const Checkpoint>& file, const std::string& name) {
  fuzz::may_refuse([&] {
    file->read(name);
    const SharedTensor tensor = file->share(name);
    touch(reinterpret_cast<const std::byte*>(tensor.data()),
          static_cast<std::size_t>(tensor.size()) * sizeof(float));
  });
  if (file->forms() == nullptr) return;
  fuzz::may_refuse([&] { file->forms()->recover(name); });
  for (const char* form : {"packed f32 2,3 3,1 ", "values"}) {
    fuzz::may_refuse([&] {
      const SharedBytes bytes = file->forms()->form(name, form, 24, [&](std::byte* to) {
        const LazyTensor weight = Weights(file).lazy(name, {2, 3});
        std::copy_n(reinterpret_cast<const std::byte*>(weight.values().data()), 24, to);
      });
      touch(bytes.data.get(), bytes.size);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const bool quiet = (log().set_level(spdlog::level::off), true);  // else a line for each
  (void)quiet;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    const auto checkpoint = Checkpoint::open(file.path());
    for (const std::string& name : checkpoint->names()) read_all(checkpoint, name);
    for (const std::string& name : kDescribed) read_all(checkpoint, name);
  });
  return 0;
}
