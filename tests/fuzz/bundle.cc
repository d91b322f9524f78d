// bundle.json. A folder of models that is taken can be written, and read again as the same.

#include "pipeline/bundle.h"

#include <fstream>

#include "fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

/// A folder with a file for every role, gone with the process.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "ctclip_fuzz_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();  // the machine's fault, not the input's
    path_ = name;
    for (const char* file : {"a.pt", "b.pt", "c.pt", "d.pt", "vocab.txt", "fusion.txt"}) {
      std::ofstream(path_ / file) << "x";
    }
  }
  ~Folder() { fs::remove_all(path_); }
  void put(std::string_view text) const {
    std::ofstream(path_ / "bundle.json", std::ios::binary) << text;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  static const Folder folder;
  folder.put(fuzz::as_text({data, size}));
  fuzz::may_refuse([&] {
    const Bundle bundle = open_bundle(folder.path());
    write_bundle(bundle, folder.path());
    Bundle again;
    try {
      again = open_bundle(folder.path());
    } catch (const Error&) {
      std::abort();
    }
    if (again.title() != bundle.title() || again.prompts != bundle.prompts) std::abort();
  });
  return 0;
}
