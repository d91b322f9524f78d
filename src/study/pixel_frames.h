#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "study/dicom_reader.h"

namespace ctclip {

/// Takes the bytes of single frames out of a file's pixel data, front to back, one in memory at a
/// time. Native pixel data are cut by the frame size. Of encapsulated ones (PS3.5 A.4) the
/// fragments of a frame are joined: a new frame begins where the basic offset table says so;
/// without a table, at a fragment that starts with its codec's start marker (RLE: at every
/// fragment, A.4.2), as no codestream contains one. Throws Error{undecodable_pixels} with `label`.
class PixelFrames {
 public:
  struct Layout {
    uint64_t frame_bytes = 0;  ///< of a decoded frame
    int32_t frames = 1;        ///< in the file
    bool one_fragment_each = false;
    std::string_view label;  ///< how an error names the file
  };

  PixelFrames(DicomReader& reader, const Layout& layout);

  /// The bytes of frame `frame`, which is behind the one asked for last.
  std::vector<std::byte> read(int32_t frame);
  /// Reads what follows, so that an archive's checksum is checked.
  void finish();

 private:
  struct Item {
    uint32_t tag = 0, length = 0;
  };

  std::vector<std::byte> read_native(int32_t frame);
  std::vector<std::byte> read_encapsulated();
  Item next_item();
  void read_offset_table();
  std::vector<std::byte> read_fragment(uint32_t length);
  bool starts_frame(uint64_t offset, std::span<const std::byte> fragment) const;
  void load_fragment();

  DicomReader& reader_;
  const Layout layout_;
  int32_t next_frame_ = 0;
  std::vector<uint32_t> offsets_;          ///< of each frame's first item, ascending; or empty
  std::vector<std::byte> fragment_;        ///< read, but of the next frame
  uint64_t offset_ = 0, next_offset_ = 0;  ///< of fragment_'s item, and of the one behind it
  bool has_fragment_ = false;
};

}  // namespace ctclip
