#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace ctclip {

/// Where the elements of an array lie that is cut into blocks: as a matrix product or a convolution
/// wants its weights, which depends on the processor. Strides count elements, from one outer block
/// to the next; the blocks, outermost first, lie densely inside.
struct BlockedLayout {
  struct Block {
    std::size_t axis;
    int64_t size;
  };
  bool bf16 = false;  ///< else float32
  Shape shape;
  std::vector<int64_t> stride;
  std::vector<Block> blocks;

  /// "packed bf16 1024,512 32768,32 32@1,2@0"
  std::string text() const;
  /// Nothing where the text is none of these or makes no sense.
  static std::optional<BlockedLayout> parse(std::string_view text);
  /// The values in row-major order; nothing where they are not all within the bytes.
  std::optional<Tensor> unpack(const std::byte* data, std::size_t size) const;
};

}  // namespace ctclip
