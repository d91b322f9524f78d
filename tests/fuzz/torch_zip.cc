// A PyTorch checkpoint whose pickle is the input: the archive around it is made here, as a pickle
// that has grown would no longer be where the directory says.

#include <string>
#include <vector>

#include "fuzz/checkpoint.h"

namespace {

std::string little_endian(uint64_t value, std::size_t width) {
  std::string bytes;
  for (; bytes.size() < width; value >>= 8) bytes += static_cast<char>(value & 0xFF);
  return bytes;
}

/// A ZIP of stored records (APPNOTE 6.3.9); the checksums are left at 0, as nobody reads them here.
class StoredZip {
 public:
  void add(const std::string& name, std::string_view bytes) {
    const std::string sizes = little_endian(0, 4) + little_endian(bytes.size(), 4) +
                              little_endian(bytes.size(), 4) + little_endian(name.size(), 2);
    directory_ += "PK\x01\x02" + little_endian(20, 2) + little_endian(20, 2) + little_endian(0, 8) +
                  sizes + little_endian(0, 12) + little_endian(file_.size(), 4) + name;
    file_ += "PK\x03\x04" + little_endian(20, 2) + little_endian(0, 8) + sizes +
             little_endian(0, 2) + name;
    file_ += bytes;
    ++entries_;
  }

  std::string finish() const {
    return file_ + directory_ + "PK\x05\x06" + little_endian(0, 4) + little_endian(entries_, 2) +
           little_endian(entries_, 2) + little_endian(directory_.size(), 4) +
           little_endian(file_.size(), 4) + little_endian(0, 2);
  }

 private:
  std::string file_, directory_;
  uint64_t entries_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  StoredZip zip;
  zip.add("archive/data.pkl", fuzz::as_text({data, size}));
  for (const char* key : {"0", "1", "2"}) {
    zip.add(std::string("archive/data/") + key, std::string(256, '\x3f'));
  }
  const std::string file = zip.finish();
  fuzz::read_checkpoint({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  return 0;
}
